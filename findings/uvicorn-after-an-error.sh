#!/usr/bin/env bash
# Question: an endpoint of Starlette raises. Starlette answers 500 with a body and its length, on
#   HTTP/1.1, and uvicorn serves it. May the client send its next request on the same connection?
# A good guess: yes. The answer is whole, its length was said, and nothing in it says "Connection:
#   close", so the connection is kept, as it is after a 404 or a 500 that the endpoint returned.
# What happens: no. Starlette raises the error again when it has answered, for the server's log, and
#   uvicorn then closes the connection, without having said so. A client that keeps connections meets
#   a reset or an early end at its next request, if that is on its way before the end has arrived;
#   for a POST it cannot know whether it was done.
# Versions: starlette 1.10.0, uvicorn 0.54.0, h11 0.16.0, Python 3.11.
# Consequence: the handler of unexpected errors says "Connection: close", as Longtake's server does.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet starlette==1.10.0 uvicorn==0.54.0 h11==0.16.0
cat > "$work/serve.py" <<'PYTHON'
import http.client
import socket
import threading
import time

import uvicorn
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route


async def raises(request):
    raise RuntimeError("nobody expected this")


async def returns(request):
    return PlainTextResponse("something went wrong", status_code=500)


app = Starlette(routes=[Route("/raises", raises), Route("/returns", returns)])
listening = socket.create_server(("127.0.0.1", 0))
server = uvicorn.Server(uvicorn.Config(app, log_level="critical", http="h11"))
threading.Thread(target=lambda: server.run(sockets=[listening]), daemon=True).start()
while not server.started:
    time.sleep(0.01)
for path in ("/returns", "/raises"):
    client = http.client.HTTPConnection(*listening.getsockname())
    client.request("GET", path)
    answer = client.getresponse()
    answer.read()
    time.sleep(0.5)
    try:
        client.request("GET", path)
        kept = f"kept, then {client.getresponse().status}"
    except (http.client.RemoteDisconnected, ConnectionError) as error:
        kept = "ended"
    print(path, answer.status, answer.getheader("connection"), kept)
PYTHON
said=$("$work/venv/bin/python" "$work/serve.py" 2>/dev/null)
echo "$said"
[ "$said" = "/returns 500 None kept, then 500
/raises 500 None ended" ]
