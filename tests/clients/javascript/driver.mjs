// What all scripts share: the client that the test asks for, its files and names, and one JSON answer.
import { createRequire } from 'node:module'
import { basename } from 'node:path'

const { CLIENT, PACKAGES, SERVER } = process.env
const require = createRequire(`${PACKAGES}/package.json`)
const [suffix, ...paths] = process.argv.slice(2)

const clients = {
  sdk() {
    const { Camunda8 } = require('@camunda8/sdk')
    return new Camunda8({
      CAMUNDA_AUTH_STRATEGY: 'NONE',
      CAMUNDA_LOG_LEVEL: 'none',
      ZEEBE_CLIENT_LOG_LEVEL: 'NONE',
      ZEEBE_GRPC_ADDRESS: `grpc://${SERVER}`,
    }).getZeebeGrpcApiClient()
  },
  zeebe_node() {
    const { ZBClient } = require('zeebe-node')
    return new ZBClient(SERVER, { loglevel: 'NONE', useTLS: false })
  },
}

// The names of this test: no other one uses them.
export const name = (base) => `${base}-${suffix}`

// The file of a process.
export const file = (base) => paths.find((path) => basename(path) === `${base}.bpmn`)

// The status code of a call that must fail.
export async function codeOf(call) {
  try {
    await call
  } catch (error) {
    return error.code
  }
  throw new Error('the call succeeded')
}

// The one job of a type.
export async function theJob(client, type) {
  const jobs = await client.activateJobs({
    type,
    worker: 'me',
    timeout: 60000,
    maxJobsToActivate: 1,
    requestTimeout: 20000,
  })
  if (jobs.length !== 1) throw new Error(`${jobs.length} jobs of type ${type}`)
  return jobs[0]
}

// A key from now: what is made next has a greater one. (It is that of a message nobody awaits.)
export async function mark(client) {
  const message = await client.publishMessage({
    name: 'mark',
    correlationKey: 'mark',
    timeToLive: 0,
    messageId: '',
    variables: {},
  })
  return BigInt(message.key)
}

// Run a scenario and print what it answers.
export async function scenario(play) {
  const client = clients[CLIENT]()
  const answer = await play(client)
  await client.close()
  console.log(JSON.stringify(answer))
  process.exit(0)
}
