"""A python-socketio server that does nothing but acknowledge: what `make bench` compares the service with.

usage: python ack_server.py PORT
"""

import sys
import time

import socketio
from aiohttp import web

server = socketio.AsyncServer(async_mode="aiohttp", max_http_buffer_size=16 << 20)


@server.on("stream:init")
async def stream_init(connection, data):
    await server.emit("stream:ready", {}, to=connection)


@server.on("fragment:data")
async def fragment_data(connection, data):
    ack = {"fragment_id": data["fragment_id"], "status": "queued", "timestamp": int(time.time() * 1000)}
    await server.emit("fragment:ack", ack, to=connection)
    return ack


application = web.Application()
server.attach(application)
web.run_app(application, host="127.0.0.1", port=int(sys.argv[1]), print=None)
