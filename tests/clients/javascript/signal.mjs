import { codeOf, file, name, scenario } from './driver.mjs'

await scenario(async (client) => {
  await client.deployResource({ processFilename: file('alarm') })
  const instance = await client.createProcessInstance({
    bpmnProcessId: name('alarm'),
    variables: {},
  })
  const signal = await client.broadcastSignal({
    signalName: name('alarm'),
    variables: { loud: true },
  })
  return { key: signal.key, gone: await codeOf(client.cancelProcessInstance(instance.processInstanceKey)) }
})
