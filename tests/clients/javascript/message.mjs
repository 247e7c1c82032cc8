import { codeOf, file, name, scenario, theJob } from './driver.mjs'

await scenario(async (client) => {
  await client.deployResource({ processFilename: file('letter') })
  await client.deployResource({ processFilename: file('called') })
  const letter = {
    name: name('letter'),
    correlationKey: 'k',
    messageId: '1',
    timeToLive: 60000,
    variables: { text: 'hello' },
  }
  const published = await client.publishMessage(letter)
  const again = await codeOf(client.publishMessage(letter))
  const ended = await client.createProcessInstanceWithResult({
    bpmnProcessId: name('letter'),
    variables: { key: 'k' },
  })
  await client.publishStartMessage({
    name: name('call'),
    timeToLive: 60000,
    variables: { started: true },
  })
  const job = await theJob(client, name('work'))
  return { key: published.key, again, result: ended.variables, job: job.variables }
})
