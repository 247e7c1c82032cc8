import { file, name, scenario } from './driver.mjs'

await scenario(async (client) => {
  await client.deployResource({ processFilename: file('work') })
  const retries = []
  client.createWorker({
    taskType: name('work'),
    taskHandler: (job) => {
      retries.push(job.retries)
      return job.retries > 1
        ? job.fail({ errorMessage: 'not yet', retries: job.retries - 1, retryBackOff: 200 })
        : job.complete({ done: true })
    },
  })
  const ended = await client.createProcessInstanceWithResult({
    bpmnProcessId: name('work'),
    variables: {},
    requestTimeout: 40000,
  })
  return { retries, result: ended.variables }
})
