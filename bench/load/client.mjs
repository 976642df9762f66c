// A load of booking requests, or of looks, over plain sockets, the same for whoever answers. Takes its orders as JSON on
// the command line and prints what came of it as JSON:
//
//   port, connections        where to, and how many connections keep asking, each one request at a time
//   seconds                  how long to go on, counted from the moment when all are connected, or
//   requests                 how many to send
//   crowd                    true: as many clients as requests, who come all at once: each connects and asks at once,
//                            and connecting counts as waiting
//   limit                    seconds after which the load is given up, whatever is still unanswered
//   stdin                    true: says "connected" when it begins, and ends when its standard input does
//   slots                    [first, count]: each request takes the next, or, with count 1, all the same
//   path                     of a slot, with {slot} for its id
//   looks                    addresses that are asked for in turns (GET), instead of slots and path
//   start                    a number from which the e-mail and the client's address of each request are made
//
// Answers: statuses {status: count}, sent (of a crowd: who came), answers, seconds, p50/p95/p99/max in ms, errors (connections that failed or
// were cut), and the references of all bookings that were acknowledged.
import net from "node:net";

import { spansOf } from "./spans.mjs";

const order = JSON.parse(process.argv[2]);
const { port, path, start = 0, crowd = false } = order;
const connections = crowd ? order.requests : order.connections;
const [first, count] = order.slots ?? [0, Infinity];
const limit = order.requests ?? Infinity;
const statuses = {};
const references = [];
const spans = [];
let sent = 0;
let errors = 0;
let open = 0;
let deadline = Infinity;
let began = performance.now();

function request(number) {
  const who = start + number;
  const address = `10.${(who >> 16) & 255}.${(who >> 8) & 255}.${who & 255}`;
  if (order.looks) {
    const look = order.looks[number % order.looks.length];
    return `GET ${look} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nX-Forwarded-For: ${address}\r\n\r\n`;
  }
  const slot = first + (count === 1 ? 0 : number % count);
  const body = `{"name":"Lena Fischer","email":"p${who}@example.com"}`;
  return (
    `POST ${path.replace("{slot}", slot)} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nContent-Type: application/json\r\n` +
    `X-Forwarded-For: ${address}\r\nContent-Length: ${body.length}\r\n\r\n${body}`
  );
}

function connect() {
  const opened = performance.now();
  const socket = net.connect(port, "127.0.0.1");
  socket.setNoDelay(true);
  let text = "";
  let asked = 0;
  const next = () => {
    if (sent >= limit || (count > 1 && sent >= count) || performance.now() > deadline) {
      socket.end();
      return;
    }
    asked = crowd ? opened : performance.now();
    socket.write(request(sent++));
  };
  socket.on("data", (data) => {
    text += data.toString("latin1");
    const head = text.indexOf("\r\n\r\n");
    if (head < 0) return;
    const length = /\r\ncontent-length: *(\d+)/i.exec(text.slice(0, head));
    if (!length) throw new Error(`an answer without a length: ${text.slice(0, head)}`);
    if (text.length < head + 4 + Number(length[1])) return;
    const status = text.slice(9, 12);
    const closes = /\r\nconnection: *close/i.test(text.slice(0, head));
    statuses[status] = (statuses[status] ?? 0) + 1;
    spans.push(performance.now() - asked);
    asked = 0;
    if (status === "201") references.push(/"reference": *"([^"]+)"/.exec(text)[1]);
    text = "";
    if (closes) {
      // The next is opened first: when none is left, the load is over.
      if (sent < limit && performance.now() < deadline) connect().then((go) => go());
      socket.destroy();
      done();
    } else next();
  });
  let over = false;
  const done = () => {
    if (over) return;
    over = true;
    open -= 1;
    if (open === 0) report();
  };
  socket.on("error", () => (errors += 1));
  socket.on("close", () => {
    if (asked && !socket.errored) errors += 1;
    done();
  });
  open += 1;
  return new Promise((resolve) => {
    socket.on("connect", () => resolve(next));
    socket.on("error", () => resolve(() => {}));
  });
}

function report() {
  const seconds = (performance.now() - began) / 1000;
  const result = { statuses, sent: crowd ? connections : sent, answers: spans.length, seconds, ...spansOf(spans), errors, references };
  process.stdout.write(JSON.stringify(result), () => process.exit(0));
}

if (order.limit) setTimeout(report, order.limit * 1000);
if (order.stdin) process.stdin.on("end", () => (deadline = 0)).resume();
if (crowd) {
  for (let client = 0; client < connections; client++) connect().then((go) => go());
} else {
  const ready = await Promise.all(Array.from({ length: connections }, connect));
  began = performance.now();
  if (order.stdin) process.stderr.write("connected\n");
  if (order.seconds) deadline = began + order.seconds * 1000;
  for (const go of ready) go();
}
