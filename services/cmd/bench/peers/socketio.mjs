// A server of socket.io as its documentation has it: rooms, the WebSocket transport, and
// recovery of sessions from memory. A message comes over HTTP and goes to a room.
//
//   node socketio.mjs HOST PORT
import { createServer } from "node:http";
import { Server } from "socket.io";

const [host, port] = process.argv.slice(2);

const http = createServer((req, res) => {
  const url = new URL(req.url, "http://localhost");
  if (req.method !== "POST" || url.pathname !== "/publish") {
    res.writeHead(404).end();
    return;
  }
  let text = "";
  req.setEncoding("utf8");
  req.on("data", (part) => { text += part; });
  req.on("end", () => {
    io.to(url.searchParams.get("channel")).emit("progress", JSON.parse(text));
    res.writeHead(200, { "Content-Type": "application/json" }).end("{}");
  });
});

const io = new Server(http, {
  transports: ["websocket"],
  connectionStateRecovery: { maxDisconnectionDuration: 2 * 60 * 1000, skipMiddlewares: true },
});

io.on("connection", (socket) => {
  socket.on("subscribe", (channel, answer) => {
    socket.join(channel);
    answer();
  });
});

http.listen(Number(port), host);
