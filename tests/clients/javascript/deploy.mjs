import { codeOf, file, scenario } from './driver.mjs'

await scenario(async (client) => ({
  first: await client.deployResource({ processFilename: file('straight') }),
  again: await client.deployResource({ processFilename: file('straight') }),
  broken: await codeOf(client.deployResource({ processFilename: file('broken') })),
}))
