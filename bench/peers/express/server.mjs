// The booking of the systems that inspired this one, in their published logic: Express and pg, one process, a pool of
// ten connections; a transaction locks the slot's row, checks it, inserts the booking, counts it, commits.
// It has none of what the product does besides: see "what it does not do" in bench/README.md.
import express from "express";
import pg from "pg";

const pool = new pg.Pool({ max: 10 });
const app = express();
app.use(express.json());

app.post("/api/slots/:id/book", async (request, response) => {
  const { name, email } = request.body;
  if (!name || !email) {
    response.status(422).json({ error: "name and email are required" });
    return;
  }
  const client = await pool.connect();
  try {
    await client.query("BEGIN");
    const found = await client.query("SELECT id, capacity, booked FROM slots WHERE id = $1 FOR UPDATE", [
      request.params.id,
    ]);
    if (found.rowCount === 0) {
      await client.query("ROLLBACK");
      response.status(404).json({ error: "no such slot" });
      return;
    }
    if (found.rows[0].booked >= found.rows[0].capacity) {
      await client.query("ROLLBACK");
      response.status(409).json({ error: "slot is full" });
      return;
    }
    const made = await client.query(
      "INSERT INTO bookings (slot_id, name, email, status) VALUES ($1, $2, $3, 'CONFIRMED') RETURNING id",
      [request.params.id, name, email],
    );
    await client.query("UPDATE slots SET booked = booked + 1 WHERE id = $1", [request.params.id]);
    await client.query("COMMIT");
    response.status(201).json({ reference: String(made.rows[0].id), status: "CONFIRMED" });
  } catch (error) {
    await client.query("ROLLBACK").catch(() => {});
    response.status(500).json({ error: error.message });
  } finally {
    client.release();
  }
});

const server = app.listen(Number(process.env.PORT), "127.0.0.1", 8192);
server.keepAliveTimeout = 60_000;
