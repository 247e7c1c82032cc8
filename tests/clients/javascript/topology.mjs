import { scenario } from './driver.mjs'

await scenario((client) => client.topology())
