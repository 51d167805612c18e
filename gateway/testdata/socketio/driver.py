# Runs the unchanged python-socketio as driver.js runs socket.io-client: orders come in as
# lines of JSON, what the client received goes out.
import json
import sys
import threading

import socketio

lock = threading.Lock()


def say(**said):
    with lock:
        print(json.dumps(said), flush=True)


def connect(order):
    name, after, joined = order["socket"], [0], [False]
    client = socketio.Client(reconnection_delay=0.02, reconnection_delay_max=0.2)

    def acknowledged(ack):
        joined[0] = "error" not in ack
        say(socket=name, on="subscribed" if joined[0] else "refused", data=ack)

    @client.event
    def connect():
        say(socket=name, on="connect")
        client.emit("subscribe_bulk_upload_job", {"job_id": order["job"], "after": after[0]}, callback=acknowledged)

    @client.event
    def disconnect():
        joined[0] = False
        say(socket=name, on="disconnect")

    @client.on("*")
    def any_event(event, data, seq=None, *_):
        if joined[0] and seq:
            after[0] = seq
        say(socket=name, on=event, data=data, seq=seq)

    options = order["options"]
    client.connect(order["url"], headers=options.get("headers", {}), auth=options.get("auth"),
                   transports=options.get("transports"))


for line in sys.stdin:
    threading.Thread(target=connect, args=(json.loads(line),), daemon=True).start()
