"""Who may see what: the visitor's identity, links in e-mails, proofs of an address, rate limits."""
