"""Sign a row for a link in an e-mail, so that the link opens that row and nothing is stored for it."""

from dataclasses import dataclass

from django.core import signing


@dataclass(frozen=True)
class SignedToken:
    """Tokens ``<prefix><key>.<signature>``: the row's key in the clear, signed together with an e-mail address.

    A token is bound to the address that it was sent to: when the row's address is corrected, the link in the stranger's
    mailbox opens nothing any more. The same row and address always give the same token. ``salt`` keeps the tokens of
    one kind from being accepted as those of another.
    """

    salt: str
    prefix: str = ""

    def of(self, key: int | str, email: str) -> str:
        """Return the token of a row. ``key``: its number or its reference, without a dot."""
        return f"{self.prefix}{key}.{self._signer().signature(_signed_text(key, email))}"

    def key_in(self, token: str) -> str:
        """Return the key that a token names. It is not proven: ask ``fits`` with the row that it leads to."""
        return token.removeprefix(self.prefix).partition(".")[0]

    def number_in(self, token: str) -> int:
        """Return the key as a number; 0, which no row has, when it is none."""
        key = self.key_in(token)
        return int(key) if key.isascii() and key.isdecimal() and len(key) < 19 else 0

    def fits(self, token: str, key: int | str, email: str) -> bool:
        """Say whether it is the token of the row with that key and address."""
        signature = token.removeprefix(self.prefix).partition(".")[2]
        text = _signed_text(key, email)
        try:
            return self._signer().unsign(f"{text}:{signature}") == text
        except signing.BadSignature:
            return False

    def _signer(self) -> signing.Signer:
        return signing.Signer(salt=self.salt)


def _signed_text(key: int | str, email: str) -> str:
    return f"{key} {email.lower()}"
