// Shows priorities as they come, each once: node read.js [BROKERS]
import kafka from '@confluentinc/kafka-javascript'

const consumer = new kafka.KafkaJS.Kafka({ kafkaJS: { logLevel: kafka.KafkaJS.logLevel.ERROR } }).consumer({
  'bootstrap.servers': process.argv[2] ?? 'localhost:9092',
  'group.id': 'board-in-javascript',
  'auto.offset.reset': 'earliest',
  'isolation.level': 'read_committed' // what an aborted transaction left behind is nobody's priority
})
// Leaving at once: else its partitions wait for it until the session times out.
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => consumer.disconnect())

const seen = new Set() // a real board keeps the last day's
const newest = new Map()
await consumer.connect()
await consumer.subscribe({ topic: 'priorities' })
await consumer.run({
  eachMessage: async ({ message }) => {
    const id = message.headers.ce_id.toString()
    const report = message.key.toString()
    const p = JSON.parse(message.value.toString())
    const known = newest.get(report) ?? 0
    if (seen.has(id) || (p.revision > 0 && p.revision < known)) return
    seen.add(id)
    newest.set(report, Math.max(known, p.revision))
    const what = p.needs_human_triage ? 'a person must look' : `severity ${p.severity}`
    console.log(p.priority, p.report_id, what, p.reasons.map((reason) => reason.text))
  }
})
