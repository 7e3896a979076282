// Files the report in a JSON file: node send.js REPORT [BROKERS]
import { readFileSync } from 'node:fs'
import kafka from '@confluentinc/kafka-javascript'
import { Ajv2020 } from 'ajv/dist/2020.js'
import formats from 'ajv-formats'

const json = (path) => JSON.parse(readFileSync(path, 'utf8'))
const schema = json(new URL('../../schemas/generated/CrimeReport.schema.json', import.meta.url))
const keepsTheContract = formats.default(new Ajv2020()).compile(schema)

const report = json(process.argv[2])
if (!keepsTheContract(report)) {
  const [error] = keepsTheContract.errors
  console.error(`breaks the contract at ${error.instancePath || '/'}: ${error.message}`)
  process.exit(1)
}

const producer = new kafka.KafkaJS.Kafka({ kafkaJS: { logLevel: kafka.KafkaJS.logLevel.ERROR } }).producer({
  'bootstrap.servers': process.argv[3] ?? 'localhost:9092',
  'partitioner': 'murmur2_random', // Java's: all clients then put a report's revisions on one partition
  'enable.idempotence': true,
  'delivery.timeout.ms': 10_000
})
await producer.connect()
await producer.send({
  topic: 'crime-reports',
  messages: [{ key: `${report.agency_id}/${report.report_id}`, value: JSON.stringify(report) }]
})
await producer.disconnect()
console.log('filed', report.report_id)
