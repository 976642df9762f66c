"""The JSON API's part about who can be booked, and when. Shapes, errors and lists are shared with bookings/api/."""
