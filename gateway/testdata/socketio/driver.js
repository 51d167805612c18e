// Runs the unchanged socket.io-client. A test writes orders to standard input and reads
// from standard output what the client received, each as a line of JSON.
const clients = { 3: require("socket.io-client-3"), 4: require("socket.io-client") };
const readline = require("node:readline");

const say = (o) => process.stdout.write(JSON.stringify(o) + "\n");
const sockets = new Map();

// A plain client never says after which sequence, whatever it had before. A patient one waits
// as a gateway that is replaced asks it to.
function connect({ socket: name, url, options, job, version, plain, patient }) {
  const socket = clients[version ?? 4].io(url, { forceNew: true, reconnectionDelay: 20, reconnectionDelayMax: 100, ...options });
  sockets.set(name, socket);
  let after = 0, joined = false;
  const subscribe = () => socket.emit("subscribe_bulk_upload_job", plain ? { job_id: job } : { job_id: job, after }, (ack) => {
    joined = !ack.error;
    if (joined) return say({ socket: name, on: "subscribed" });
    say({ socket: name, on: "refused", data: ack.error });
    if (ack.error.code === "overloaded") setTimeout(() => socket.connected && subscribe(), 500);
  });
  socket.on("connect", () => {
    say({ socket: name, on: "connect", connected: socket.connected, transport: socket.io.engine.transport.name });
    // A client that resumes does this after each connect, from the last sequence seen.
    if (job) subscribe();
  });
  socket.on("connect_error", (err) =>
    say({ socket: name, on: "connect_error", message: err.message, data: err.data, active: socket.active,
      response: err.context && err.context.responseText }));
  socket.on("disconnect", (reason, details) => {
    joined = false;
    const { code, reason: asked } = details?.context ?? {};
    say({ socket: name, on: "disconnect", message: reason, code, response: asked });
    if (!patient) return;
    const told = /; retry_ms=(\d+)$/.exec(asked ?? "")?.[1];
    socket.io.reconnectionDelay(Number(told ?? 1000)).reconnectionDelayMax(Math.max(Number(told ?? 0), 5000));
  });
  socket.onAny((event, data, seq) => {
    if (joined && seq) after = seq;
    say({ socket: name, on: event, data, seq });
  });
}

readline.createInterface({ input: process.stdin }).on("line", (line) => {
  const order = JSON.parse(line);
  const socket = sockets.get(order.socket);
  switch (order.do) {
    case "connect":
      return connect(order);
    case "emit": // without an acknowledgement
      return socket.emit(order.event, ...(order.args ?? []));
    case "ask":
      return socket.emit(order.event, ...(order.args ?? []),
        (answer) => say({ socket: order.socket, on: "acknowledged", data: answer }));
    case "disconnect":
      return socket.disconnect();
    case "transport": // which one it uses now
      return say({ socket: order.socket, on: "transport", message: socket.io.engine.transport.name });
  }
}).on("close", () => process.exit(0));
