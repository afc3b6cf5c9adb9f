// A chat server on Socket.IO 4, as its documentation shows one: rooms, a signed handshake, broadcast to the room. It is
// what make bench compares with. Everything is in memory.
"use strict";

const { createHmac, timingSafeEqual } = require("node:crypto");
const { createServer } = require("node:http");
const { Server } = require("socket.io");

const secret = process.env.SECRET;
if (!secret) throw new Error("SECRET is not set: it signs the people's tokens");

const http = createServer();
const io = new Server(http, { transports: ["websocket"], serveClient: false });

// A token is NAME.SIGNATURE, both in base64url.
function whoIs(token) {
  const [name, signature] = String(token).split(".");
  const given = Buffer.from(signature ?? "", "base64url");
  const right = createHmac("sha256", secret).update(name).digest();
  if (given.length !== right.length || !timingSafeEqual(given, right)) return null;
  return Buffer.from(name, "base64url").toString();
}

io.use((socket, next) => {
  socket.data.name = whoIs(socket.handshake.auth.token);
  next(socket.data.name ? undefined : new Error("the token is not signed by us"));
});

// As the documentation advises, against memory.
io.engine.on("connection", (raw) => {
  raw.request = null;
});

let last = 0;

io.on("connection", (socket) => {
  socket.on("join", (room, ack) => {
    socket.join(room);
    ack({ ok: true });
  });
  socket.on("message", ({ room, text }, ack) => {
    const message = { id: ++last, author: socket.data.name, text, time: new Date().toISOString() };
    io.to(room).emit("message", message);
    ack({ ok: true, id: message.id });
  });
});

http.listen(0, "127.0.0.1", () => console.log(`It listens on 127.0.0.1:${http.address().port}.`));

process.on("SIGTERM", () => {
  io.close(() => process.exit(0));
});
