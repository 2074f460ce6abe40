// Reads one simulation a line and answers with one verdict a line, in the same order.
// The first argument is the folder into which npm installed the packages.
import { createInterface } from 'node:readline'
import { createRequire } from 'node:module'

const require = createRequire(process.argv[2] + '/')
const { runSimulation } = require('@cloud-copilot/iam-simulate')

async function judge(simulation) {
  const { resource } = simulation.request.resource
  const response = await runSimulation(simulation, { simulationMode: 'Strict' })
  if (response.resultType === 'error') {
    return { error: JSON.stringify(response.errors) }
  }
  // "*" is one resource of each type that the action knows; other patterns are never asked for.
  if (resource.includes('*') && resource !== '*') {
    return { error: `a pattern is no resource: ${resource}` }
  }
  const results = response.results ?? [response.result]
  return {
    verdict: response.overallResult,
    ignored: results.flatMap((result) => result.ignoredContextKeys),
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  let answer
  try {
    answer = await judge(JSON.parse(line))
  } catch (error) {
    answer = { error: String(error) }
  }
  process.stdout.write(JSON.stringify(answer) + '\n')
}
