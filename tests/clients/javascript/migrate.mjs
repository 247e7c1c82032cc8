import { codeOf, file, name, scenario, theJob } from './driver.mjs'

await scenario(async (client) => {
  await client.deployResource({ processFilename: file('work') })
  const instance = await client.createProcessInstance({ bpmnProcessId: name('work'), variables: {} })
  const deployed = await client.deployResource({ processFilename: file('newer') })
  const migrate = (mappingInstructions) =>
    client.migrateProcessInstance({
      processInstanceKey: instance.processInstanceKey,
      migrationPlan: {
        targetProcessDefinitionKey: deployed.deployments[0].process.processDefinitionKey,
        mappingInstructions,
      },
    })
  const job = await theJob(client, name('work'))
  const unmapped = await codeOf(migrate([]))
  await migrate([{ sourceElementId: 'work', targetElementId: 'carry' }])
  await client.completeJob({ jobKey: job.key, variables: {} })
  const next = await theJob(client, name('last'))
  return { unmapped, next: [next.bpmnProcessId, next.elementId] }
})
