"""Takes mails at 1025 and shows at 8025 how many came, for whom: as much of a mail catcher as the tests need."""

import asyncio
import json

mails: list[dict[str, str]] = []


async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    def say(line: str) -> None:
        writer.write(line.encode() + b"\r\n")

    say("220 catcher")
    to = ""
    while line := (await reader.readline()).decode().strip():
        verb = line.upper().split(":")[0].split(" ")[0]
        if verb == "RCPT":
            to = line.partition(":")[2]
        if verb == "DATA":
            say("354 go on")
            text = (await reader.readuntil(b"\r\n.\r\n")).decode()
            mails.append({"to": to, "text": text})
        say("221 bye" if verb == "QUIT" else "250 ok")
        if verb == "QUIT":
            break
    writer.close()


async def show(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    body = json.dumps({"total": len(mails), "messages": mails}).encode()
    writer.write(b"HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n" + body)
    await writer.drain()
    writer.close()


async def main() -> None:
    servers = [await asyncio.start_server(take, "0.0.0.0", 1025), await asyncio.start_server(show, "0.0.0.0", 8025)]
    await asyncio.gather(*(server.serve_forever() for server in servers))


asyncio.run(main())
