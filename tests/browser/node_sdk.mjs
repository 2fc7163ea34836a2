// A program with the official Node SDK: makes the calls it is given, then ends in the way it is told.
import { Analytics } from '@segment/analytics-node'

const { settings, calls, flush } = JSON.parse(process.argv[2])
const analytics = new Analytics(settings)
analytics.on('error', (error) => console.error(`lost: ${error.code} ${error.reason}`))
for (const [method, parameters] of calls) analytics[method](parameters)
if (flush) await analytics.closeAndFlush()
