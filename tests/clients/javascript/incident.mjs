import { codeOf, file, mark, name, scenario, theJob } from './driver.mjs'

// No call tells the key of an incident: it is one of those between two that are known.
async function resolveOneBetween(client, after, before) {
  const outcomes = []
  for (let key = after + 1n; key < before; key++) {
    try {
      await client.resolveIncident({ incidentKey: String(key) })
      outcomes.push('resolved')
    } catch (error) {
      outcomes.push(error.code)
    }
  }
  return outcomes
}

await scenario(async (client) => {
  await client.deployResource({ processFilename: file('work') })
  await client.createProcessInstance({ bpmnProcessId: name('work'), variables: {} })
  const job = await theJob(client, name('work'))
  const after = await mark(client)
  await client.failJob({ jobKey: job.key, retries: 0, errorMessage: 'broken', retryBackOff: 0 })
  const before = await mark(client)
  const refused = await codeOf(client.completeJob({ jobKey: job.key, variables: {} }))
  await client.updateJobRetries({ jobKey: job.key, retries: 2 })
  const outcomes = await resolveOneBetween(client, after, before)
  const again = await theJob(client, name('work'))
  return { refused, outcomes, same: again.key === job.key, retries: again.retries }
})
