import { codeOf, file, name, scenario } from './driver.mjs'

await scenario(async (client) => {
  await client.deployResource({ processFilename: file('work') })
  const instance = await client.createProcessInstance({ bpmnProcessId: name('work'), variables: {} })
  return {
    decision: await codeOf(client.evaluateDecision({ decisionId: name('dish'), variables: {} })),
    modification: await codeOf(
      client.modifyProcessInstance({
        processInstanceKey: instance.processInstanceKey,
        activateInstructions: [
          { elementId: 'nobody', ancestorElementInstanceKey: '-1', variableInstructions: [] },
        ],
      }),
    ),
  }
})
