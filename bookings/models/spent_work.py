from django.db import models


class SpentWork(models.Model):
    """A challenge whose solution was used: each counts once. Deleted when the challenge has run out.

    Written by bookings/services/proof_of_work.py.
    """

    nonce = models.CharField(max_length=32, primary_key=True)
    expires_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return self.nonce
