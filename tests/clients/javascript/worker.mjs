import { file, name, scenario } from './driver.mjs'

await scenario(async (client) => {
  await client.deployResource({ processFilename: file('work') })
  const seen = []
  client.createWorker({
    taskType: name('work'),
    taskHandler: (job) => {
      seen.push({ variables: job.variables, headers: job.customHeaders, retries: job.retries })
      return job.complete({ doubled: job.variables.number * 2 })
    },
  })
  const start = (number) =>
    client.createProcessInstanceWithResult({
      bpmnProcessId: name('work'),
      variables: { number },
      requestTimeout: 40000,
    })
  const ended = await Promise.all([1, 2, 3].map(start))
  return { seen, results: ended.map((instance) => instance.variables) }
})
