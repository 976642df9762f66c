"""Pages and lists that many look at."""

from functools import partial

import psycopg

from bench.contenders import in_turns
from bench.report import Comparison, Run
from bench.scene import Scene

AT_A_TIME = 8
EXPERTS = 20  # whose pages and lists are looked at: what many want is the same few
GOALS = {"expert page": 600.0, "discovery": 500.0, "GET /slots?expert=": 700.0, "GET /experts": 700.0}


def looks(scene: Scene) -> list[Comparison]:
    """Pages and lists a second, while nobody books. No visitor has been there before."""
    with psycopg.connect(scene.product.database_url) as connection:
        rows = connection.execute("SELECT slug FROM experts_expert ORDER BY id LIMIT %s", [EXPERTS])
        slugs = [slug for (slug,) in rows]
    addresses = {
        "expert page": [f"/experts/{slug}/" for slug in slugs],
        "discovery": ["/"],
        "GET /slots?expert=": [f"/api/v1/slots?expert={slug}" for slug in slugs],
        "GET /experts": ["/api/v1/experts"],
    }

    def run(name: str) -> Run:
        return scene.product.look(addresses[name], connections=AT_A_TIME)

    turns = {name: (scene.product.site, partial(run, name)) for name in addresses}
    found = in_turns(turns, most=70)
    return [Comparison(name, "looks", {name: found[name]}, goals={name: GOALS[name]}) for name in addresses]
