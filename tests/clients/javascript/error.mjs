import { file, name, scenario } from './driver.mjs'

await scenario(async (client) => {
  await client.deployResource({ processFilename: file('work') })
  client.createWorker({
    taskType: name('work'),
    taskHandler: (job) => job.error({ errorCode: 'E1', errorMessage: 'out of stock' }),
  })
  client.createWorker({
    taskType: name('mend'),
    taskHandler: (job) => job.complete({ mended: job.elementId }),
  })
  const ended = await client.createProcessInstanceWithResult({
    bpmnProcessId: name('work'),
    variables: {},
    requestTimeout: 40000,
  })
  return ended.variables
})
