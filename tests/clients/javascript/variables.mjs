import { file, name, scenario, theJob } from './driver.mjs'

await scenario(async (client) => {
  await client.deployResource({ processFilename: file('work') })
  await client.createProcessInstance({ bpmnProcessId: name('work'), variables: { a: 1 } })
  const job = await theJob(client, name('work'))
  await client.setVariables({
    elementInstanceKey: job.processInstanceKey,
    variables: { b: 2 },
    local: false,
  })
  await client.failJob({ jobKey: job.key, retries: 1, errorMessage: '', retryBackOff: 0 })
  return (await theJob(client, name('work'))).variables
})
