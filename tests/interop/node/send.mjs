// Sends the messages of a file, each behind a line end of its own, and prints `control-id code` for each answer.
//
//     node send.mjs PORT FILE
import { readFileSync } from 'node:fs'
import { Client, Message } from 'node-hl7-client'

const [port, file] = process.argv.slice(2)
const texts = readFileSync(file, 'utf8').split('\n').filter((text) => text !== '')

let answered
const client = new Client({ host: '127.0.0.1' })
const connection = client.createConnection({ port: Number(port) }, (response) => answered(response.getMessage()))
await new Promise((resolve, reject) => {
  connection.on('connect', resolve)
  connection.on('client.error', reject)
})
for (const text of texts) {
  const answer = new Promise((resolve) => (answered = resolve))
  await connection.sendMessage(new Message({ text: text.replace(/\r$/, '') }))
  const message = await answer
  console.log(message.get('MSA.2').toString(), message.get('MSA.1').toString())
}
await connection.close()
