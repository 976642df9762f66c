"""The JSON API's part about who booked what: booking without an account, and what staff's programs may do."""
