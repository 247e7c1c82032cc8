import { codeOf, file, name, scenario } from './driver.mjs'

await scenario(async (client) => {
  await client.deployResource({ processFilename: file('straight') })
  const bpmnProcessId = name('straight')
  const variables = { text: 'ü', number: 1.5, list: [1, null, { deep: true }] }
  return {
    started: await client.createProcessInstance({ bpmnProcessId, variables }),
    ended: await client.createProcessInstanceWithResult({ bpmnProcessId, variables }),
    part: await client.createProcessInstanceWithResult({
      bpmnProcessId,
      variables,
      fetchVariables: ['number'],
    }),
    nobody: await codeOf(
      client.createProcessInstance({ bpmnProcessId: name('nobody'), variables: {} }),
    ),
  }
})
