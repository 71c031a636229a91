"""Listens for MLLP with python-hl7, prints the control id of every message, and answers it with each code in turn.

    python receive.py PORT CODE[,CODE...]

`CA,AA` is a receiver in enhanced mode: that it is stored, and then that it is done. Prints `listening` once the port is
open; ends when its standard input does.
"""

import asyncio
import sys

import hl7
from hl7.mllp import start_hl7_server


async def main(port: int, codes: list[str]) -> None:
    async def serve(reader, writer) -> None:
        try:
            while not writer.is_closing():
                message = await reader.readmessage()
                print(message.segment("MSH")[10], flush=True)
                for code in codes:
                    writer.writemessage(message.create_ack(code))
                    await writer.drain()
        except asyncio.IncompleteReadError:
            writer.close()

    async with await start_hl7_server(serve, "127.0.0.1", port, limit=1 << 20):
        print("listening", flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    # Whoever is still connected does not hold it.
    asyncio.run(main(int(sys.argv[1]), sys.argv[2].split(",")))
