import { file, name, scenario } from './driver.mjs'

await scenario(async (client) => {
  await client.deployResource({ processFilename: file('work') })
  await client.streamJobs({
    type: name('work'),
    worker: 'me',
    timeout: 60000,
    pollInterval: -1,
    taskHandler: (job) => job.complete({ doubled: job.variables.number * 2 }),
  })
  const start = (number) =>
    client.createProcessInstanceWithResult({
      bpmnProcessId: name('work'),
      variables: { number },
      requestTimeout: 40000,
    })
  const ended = await Promise.all([1, 2, 3].map(start))
  return ended.map((instance) => instance.variables)
})
