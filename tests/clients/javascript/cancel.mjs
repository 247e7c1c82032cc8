import { codeOf, file, name, scenario, theJob } from './driver.mjs'

await scenario(async (client) => {
  await client.deployResource({ processFilename: file('work') })
  const instance = await client.createProcessInstance({ bpmnProcessId: name('work'), variables: {} })
  const job = await theJob(client, name('work'))
  await client.cancelProcessInstance(instance.processInstanceKey)
  return {
    again: await codeOf(client.cancelProcessInstance(instance.processInstanceKey)),
    job: await codeOf(client.completeJob({ jobKey: job.key, variables: {} })),
  }
})
