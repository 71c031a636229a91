// Listens for MLLP, prints the control id of every message, and answers it with one code.
//
//     node receive.mjs PORT CODE
//
// Prints `listening` once the port is open; ends when its standard input does.
import { Server } from 'node-hl7-server'

const [port, code] = process.argv.slice(2)
const inbound = new Server({ bindAddress: '127.0.0.1' }).createInbound({ port: Number(port) }, async (request, response) => {
  console.log(request.getMessage().get('MSH.10').toString())
  await response.sendResponse(code)
})
inbound.on('listen', () => console.log('listening'))
process.stdin.on('end', () => process.exit(0)).resume()
