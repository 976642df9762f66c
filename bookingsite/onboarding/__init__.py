"""How an organisation and its staff get in: sign-up, invitations."""
