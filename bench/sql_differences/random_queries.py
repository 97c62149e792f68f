"""Makes random queries over odd rows, asks DuckDB, PostgreSQL and ourselves, and prints where answers differ.

    python random_queries.py [--from SEED] [--count N] [--only duckdb|postgres]

A seed is one query. Needs what compare.py needs. A query that a database refuses says nothing, and is left out.
"""

import argparse
import random

from compare import DuckDb, Ours, Postgres, short, verdict

TABLES = {
    "a": {"id": "int", "k": "text", "n": "int", "b": "big", "d": "dec", "f": "dbl", "day": "date", "ts": "ts", "ok": "bool"},
    "b": {"id": "int", "k": "text", "m": "int", "w": "text", "day": "date"},
    "c": {"k": "text", "n": "int", "x": "dbl", "ok": "bool"},
}
SQL_TYPE = {"int": "integer", "big": "bigint", "dec": "numeric(10,2)", "dbl": "double precision", "text": "text", "date": "date", "ts": "timestamp", "bool": "boolean"}
ODD = {
    "int": ["0", "1", "2", "3", "-1", "7", "100", "null"],
    "big": ["0", "1", "-5", "10000000000", "null"],
    "dec": ["0.00", "1.25", "-2.50", "99999.99", "0.01", "null"],
    "dbl": ["0.0", "1.5", "-2.5", "1e10", "0.1", "'NaN'::double precision", "null"],
    "text": ["'a'", "'b'", "'A'", "''", "'é'", "'漢 z'", "'a b'", "'10'", "'%'", "null"],
    "date": ["date '2024-02-29'", "date '2024-01-31'", "date '1969-12-31'", "date '0001-01-01'", "date '9999-12-31'", "null"],
    "ts": ["timestamp '2024-02-29 23:59:59.999999'", "timestamp '1969-12-31 00:00:00'", "timestamp '2024-01-31 12:00:00'", "null"],
    "bool": ["true", "false", "null"],
}
NUMBERS = ["int", "int", "big", "dec", "dbl"]


def setup(rows=11):
    r = random.Random(1)
    for table, columns in TABLES.items():
        names = ", ".join(f"{c} {SQL_TYPE[t]}" for c, t in columns.items())
        yield f"create table {table} ({names})"
        values = [", ".join(r.choice(ODD[t]) for t in columns.values()) for _ in range(rows)]
        yield f"insert into {table} values " + ", ".join(f"({v})" for v in values)


class Query:
    """One random query. A scope is a list of (how a column is written, its type)."""

    def __init__(self, seed):
        self.r = random.Random(seed)
        self.names = 0
        self.ctes = {}
        self.is_ordered = False

    def name(self, prefix):
        self.names += 1
        return f"{prefix}{self.names}"

    def some(self, *weighted):
        choices, weights = zip(*weighted)
        return self.r.choices(choices, weights)[0]

    def chance(self, p):
        return self.r.random() < p

    # --- expressions

    def literal(self, t):
        return self.r.choice(ODD[t][:-1] if self.chance(0.9) else [f"cast(null as {SQL_TYPE[t]})"])

    def column(self, t, scope):
        fitting = [c for c, of in scope if of == t]
        return self.r.choice(fitting) if fitting else self.literal(t)

    def expr(self, t, scope, depth=2):
        if depth <= 0 or self.chance(0.35):
            return self.column(t, scope) if self.chance(0.85) else self.literal(t)
        sub = lambda of: self.expr(of, scope, depth - 1)
        common = [
            lambda: f"coalesce({sub(t)}, {sub(t)})",
            lambda: f"case when {sub('bool')} then {sub(t)} else {sub(t)} end",
            lambda: f"case when {sub('bool')} then {sub(t)} end",
            lambda: f"nullif({sub(t)}, {sub(t)})",
            lambda: f"greatest({sub(t)}, {sub(t)})",
            lambda: f"least({sub(t)}, {sub(t)})",
            lambda: self.scalar(t, scope, depth),
        ]
        own = {
            "int": [lambda: f"({sub('int')} {self.r.choice('+-*')} {sub('int')})", lambda: f"abs({sub('int')})", lambda: f"({sub('int')} % 7)",
                    lambda: f"cast(length({sub('text')}) as integer)", lambda: f"cast({sub('bool')} as integer)", lambda: f"cast({sub('dec')} as integer)"],
            "big": [lambda: f"({sub('big')} {self.r.choice('+-')} {sub('int')})", lambda: f"cast({sub('int')} as bigint)", lambda: f"cast(extract({self.r.choice(['year', 'month', 'day'])} from {sub('date')}) as bigint)"],
            "dec": [lambda: f"({sub('dec')} {self.r.choice('+-')} {sub('dec')})", lambda: f"({sub('int')} * {sub('dec')})", lambda: f"round({sub('dec')}, 1)", lambda: f"cast({sub('int')} as numeric(10,2))"],
            "dbl": [lambda: f"({sub('dbl')} {self.r.choice('+-*')} {sub('dbl')})", lambda: f"({sub('dbl')} / nullif({sub('dbl')}, 0))", lambda: f"cast({sub(self.r.choice(NUMBERS))} as double precision)", lambda: f"floor({sub('dbl')})"],
            "text": [lambda: f"({sub('text')} || {sub('text')})", lambda: f"upper({sub('text')})", lambda: f"substr({sub('text')}, 1, 2)", lambda: f"cast({sub(self.r.choice(['int', 'date', 'dec', 'bool']))} as varchar)", lambda: f"replace({sub('text')}, 'a', 'zz')", lambda: f"trim({sub('text')})"],
            "date": [lambda: f"cast({sub('ts')} as date)", lambda: f"cast(date_trunc('month', {sub('ts')}) as date)"],
            "ts": [lambda: f"cast({sub('date')} as timestamp)", lambda: f"({sub('ts')} + interval '1 day')", lambda: f"date_trunc('{self.r.choice(['day', 'month', 'year', 'week'])}', {sub('ts')})"],
            "bool": [lambda: self.comparison(scope, depth), lambda: self.comparison(scope, depth), lambda: self.comparison(scope, depth),
                     lambda: f"({sub('bool')} {self.r.choice(['and', 'or'])} {sub('bool')})", lambda: f"(not {sub('bool')})",
                     lambda: self.membership(scope, depth), lambda: f"({sub('text')} like '{self.r.choice(['a%', '%b', '_', '%', 'A_'])}')"],
        }[t]
        return self.r.choice(own if self.chance(0.7) else common)()

    def comparison(self, scope, depth):
        t = self.r.choice(list(ODD))
        left, right = self.expr(t, scope, depth - 1), self.expr(self.r.choice(NUMBERS) if t in NUMBERS else t, scope, depth - 1)
        return self.r.choice([
            f"({left} {self.r.choice(['=', '<>', '<', '<=', '>', '>='])} {right})",
            f"({left} is {self.r.choice(['', 'not '])}null)",
            f"({left} is {self.r.choice(['', 'not '])}distinct from {right})",
            f"({left} {self.r.choice(['', 'not '])}between {self.expr(t, scope, 0)} and {right})",
        ])

    def membership(self, scope, depth):
        t = self.r.choice(["int", "text", "date", "big"])
        maybe = self.r.choice(["", "not "])
        if self.chance(0.4):
            items = ", ".join(self.literal(t) for _ in range(self.r.randint(1, 3)))
            return f"({self.expr(t, scope, depth - 1)} {maybe}in ({items}))"
        inner, source = self.inner(scope)
        where = self.expr("bool", inner, 1)
        if self.chance(0.5):
            return f"({maybe}exists (select 1 from {source} where {where}))"
        own = [c for c in inner if c not in scope]
        return f"({self.expr(t, scope, depth - 1)} {maybe}in (select {self.expr(t, own, 1)} from {source} where {where}))"

    def inner(self, scope):
        alias, table = self.name("s"), self.r.choice(list(TABLES))
        own = [(f"{alias}.{c}", t) for c, t in TABLES[table].items()]
        # Outer columns come up about as often as its own.
        return own + (self.r.sample(scope, min(len(scope), 5)) if self.chance(0.7) else []), f"{table} {alias}"

    def scalar(self, t, scope, depth):
        if depth < 2:
            return self.column(t, scope)
        inner, source = self.inner(scope)
        of = self.expr(t, inner[:5], 0)
        call = f"{self.r.choice(['max', 'min'])}({of})" if t != "bool" else f"bool_or({of})"
        if t == "big" and self.chance(0.5):
            call = "count(*)"
        return f"(select {call} from {source} where {self.expr('bool', inner, 1)})"

    # --- sources

    def source(self):
        """(text, scope, whether its names may be ambiguous)"""
        kind = self.some(("table", 6), ("join", 6), ("using", 4), ("derived", 2), ("lateral", 1), ("values", 1))
        if kind == "table":
            return self.table()
        if kind == "derived":
            alias = self.name("q")
            text, columns = self.select(depth=1)
            return f"({text}) {alias}", [(f"{alias}.{c}", t) for c, t in columns]
        if kind == "values":
            alias, types = self.name("v"), [self.r.choice(list(ODD)) for _ in range(2)]
            rows = ", ".join("(" + ", ".join(self.literal(t) for t in types) + ")" for _ in range(3))
            return f"(values {rows}) {alias}(c1, c2)", [(f"{alias}.c{i + 1}", t) for i, t in enumerate(types)]
        left, scope = self.table()
        if kind == "lateral":
            alias = self.name("l")
            inner, source = self.inner(scope)
            t = self.r.choice(["int", "text", "big"])
            text = f"select {self.r.choice(['max', 'min', 'count'])}({self.expr(t, inner, 1)}) as y from {source} where {self.expr('bool', inner, 1)}"
            join, on = self.r.choice([("cross join", ""), ("left join", " on true")])
            return f"{left} {join} lateral ({text}) {alias}{on}", scope
        right, others = self.table()
        if kind == "using":
            return self.using(left, scope, right, others)
        both = scope + others
        for _ in range(self.some((1, 4), (2, 1))):
            how = self.some(("join", 4), ("left join", 4), ("right join", 2), ("full join", 2), ("cross join", 1), ("semi join", 1), ("anti join", 1))
            on = "" if how == "cross join" else f" on {self.on(scope, others)}"
            left = f"{left} {how} {right}{on}"
            if how in ("semi join", "anti join"):
                both = scope
                break
            scope = both
            right, others = self.table()
            both = scope + others
        return left, scope if how not in ("semi join", "anti join") else both

    def on(self, scope, others):
        t = self.r.choice(["int", "text", "date", "int"])
        equal = f"{self.column(t, scope)} = {self.column(t, others)}"
        return self.some((equal, 5), (f"{equal} and {self.expr('bool', scope + others, 1)}", 2), (self.expr("bool", scope + others, 1), 1))

    def table(self):
        table = self.r.choice(list(TABLES) + list(self.ctes))
        alias = self.name("t")
        columns = TABLES.get(table) or self.ctes[table]
        return f"{table} {alias}", [(f"{alias}.{c}", t) for c, t in columns.items()]

    def using(self, left, scope, right, others):
        plain = lambda s: {c.split(".")[1]: t for c, t in s}
        common = [c for c, t in plain(scope).items() if plain(others).get(c) == t]
        if not common:
            return f"{left} cross join {right}", scope + others
        how = self.r.choice(["join", "left join", "right join", "full join"])
        natural = self.chance(0.25) and all(plain(others).get(c, t) == t for c, t in plain(scope).items())
        keys = common if natural else self.r.sample(common, self.r.randint(1, len(common)))
        rest = [(c, t) for c, t in scope + others if c.split(".")[1] not in keys]
        merged = [(k, plain(scope)[k]) for k in keys]
        text = f"{left} natural {how} {right}" if natural else f"{left} {how} {right} using ({', '.join(keys)})"
        return text, merged + rest + ([c for c in scope + others if c[0].split(".")[1] in keys] if self.chance(0.3) else [])

    # --- queries

    def aggregate(self, scope):
        t = self.r.choice(["int", "int", "big", "dec", "text", "date"])
        of, text = self.expr(t, scope, 1), self.column("text", scope)
        call, out = self.some(
            ((f"count({of})", "big"), 3), (("count(*)", "big"), 3), ((f"count(distinct {of})", "big"), 2),
            ((f"max({of})", t), 2), ((f"min({of})", t), 2),
            ((f"sum({self.expr('int', scope, 1)})", "big"), 3), ((f"avg({self.expr('int', scope, 1)})", "dbl"), 1),
            ((f"sum({self.expr('dec', scope, 1)})", "dec"), 1), ((f"bool_and({self.expr('bool', scope, 1)})", "bool"), 1),
            ((f"string_agg({text}, ',' order by {text})", "text"), 1),
        )
        if self.chance(0.2) and "string_agg" not in call:
            call += f" filter (where {self.expr('bool', scope, 1)})"
        return call, out

    def window(self, scope):
        by = f"partition by {self.expr(self.r.choice(['text', 'int', 'bool']), scope, 0)} " if self.chance(0.6) else ""
        # A total order, as far as the columns go: ties give equal rows.
        order = "order by " + ", ".join(c for c, t in scope if t in ("int", "text", "big", "dec", "dbl", "date", "ts", "bool"))
        t = self.r.choice(["int", "big", "date"])
        of = self.column(t, scope)
        call, out = self.some(
            ((f"row_number()", "big"), 2), (("rank()", "big"), 1), (("dense_rank()", "big"), 1), ((f"lag({of})", t), 2), ((f"lead({of}, 2)", t), 1),
            ((f"first_value({of})", t), 1), ((f"sum({self.column('int', scope)})", "big"), 2), (("count(*)", "big"), 1), ((f"max({of})", t), 1),
        )
        if call == "rank()" or call == "dense_rank()":
            order = f"order by {self.column(self.r.choice(['int', 'text', 'date']), scope)}" + self.r.choice(["", " desc", " nulls first", " desc nulls last"])
        frame = self.r.choice(["", "", " rows between 1 preceding and 1 following", " rows between unbounded preceding and current row"]) if call[:3] in ("sum", "cou", "max", "fir") else ""
        return f"{call} over ({by}{order}{frame})", out

    def select(self, depth=0):
        """(text, [(name, type)])"""
        source, scope = self.source()
        where = f" where {self.expr('bool', scope)}" if self.chance(0.5) else ""
        kind = self.some(("plain", 5), ("group", 4), ("star", 2 if depth == 0 else 0), ("window", 2), ("all", 1))
        if kind == "star":
            stars = ["*", "*"] + sorted({c.split(".")[0] + ".*" for c, _ in scope if "." in c})
            star = self.r.choice(stars)
            # DuckDB's alone: a name that several tables have leaves all of them.
            star += f" exclude ({self.r.choice(scope)[0].split('.')[-1]})" if self.chance(0.3) else ""
            return f"select {star} from {source}{where}", []
        if kind in ("plain", "window"):
            items = [self.item(scope) for _ in range(self.r.randint(1, 4))]
            if kind == "window":
                items += [self.window(scope)]
            named = [(e, t, self.name("c")) for e, t in items]
            distinct = "distinct " if self.chance(0.2) and kind == "plain" else ""
            listed = ", ".join(f"{e} as {n}" for e, _, n in named)
            return f"select {distinct}{listed} from {source}{where}", [(n, t) for _, t, n in named]
        keys = [] if kind == "all" else [self.key(scope) for _ in range(self.r.randint(1, 2))]
        named = [(e, t, self.name("c")) for e, t in keys + [self.aggregate(scope) for _ in range(self.r.randint(1, 3))]]
        group = self.grouping([e for e, _ in keys], scope) if keys else ""
        having = f" having {self.aggregate(scope)[0]} is not null" if self.chance(0.2) else ""
        listed = ", ".join(f"{e} as {n}" for e, _, n in named)
        return f"select {listed} from {source}{where}{group}{having}", [(n, t) for _, t, n in named]

    def item(self, scope):
        t = self.r.choice(list(ODD))
        return self.expr(t, scope), t

    def key(self, scope):
        t = self.r.choice(["int", "text", "bool", "date"])
        return (self.column(t, scope) if self.chance(0.7) else self.expr(t, scope, 1)), t

    def grouping(self, keys, scope):
        listed = ", ".join(keys)
        places = ", ".join(str(at + 1) for at in range(len(keys)))
        # What a constant is in a set that has not its key differs from one to the other.
        if not all("." in key or key in [c for c, _ in scope] for key in keys):
            return f" group by {self.r.choice([listed, places])}"
        return " group by " + self.some((listed, 5), (places, 3), (f"rollup ({listed})", 1), (f"cube ({listed})", 1), (f"grouping sets (({keys[0]}), ({listed}), ())", 1))

    def text(self):
        with_ = ""
        if self.chance(0.25):
            name = self.name("w")
            text, columns = self.select(depth=1)
            with_ = f"with {name} as ({text}) "
            self.ctes[name] = dict(columns)
        text, columns = self.select()
        if columns and self.chance(0.15):
            more, of = self.source()
            other = ", ".join(f"{self.expr(t, of, 1)} as {n}" for n, t in columns)
            text = f"{text} {self.r.choice(['union', 'union all', 'intersect', 'except'])} select {other} from {more}"
        if columns and self.chance(0.4):
            direction = lambda: self.r.choice(["", " desc", " nulls first", " nulls last", " desc nulls first", " desc nulls last"])
            places = [str(at + 1) for at in range(len(columns))]
            self.r.shuffle(places)
            self.is_ordered = True
            text += " order by " + ", ".join(p + direction() for p in places)
            if self.chance(0.6):
                text += f" limit {self.r.randint(1, 5)}" + (f" offset {self.r.randint(0, 3)}" if self.chance(0.4) else "")
        return with_ + text


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--from", type=int, default=0, dest="first")
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    oracles = {"duckdb": DuckDb(), "postgres": Postgres()}
    oracles = {name: made for name, made in oracles.items() if options.only in name}
    ours = {name: Ours(name) for name in oracles}
    for statement in setup():
        for engine in [*oracles.values(), *ours.values()]:
            answer = engine.answer(statement)
            if answer[0] != "ok":
                print("SETUP", type(engine).__name__, answer[1])
    counts = {}
    for seed in range(options.first, options.first + options.count):
        query = Query(seed)
        sql = query.text()
        for dialect, oracle in oracles.items():
            theirs = oracle.answer(sql)
            if theirs[0] == "error":
                counts["refused"] = counts.get("refused", 0) + 1
                continue
            mine = ours[dialect].answer(sql)
            said = verdict(theirs, mine, query.is_ordered)
            counts[said] = counts.get(said, 0) + 1
            if said not in ("same", "TYPE"):
                print(f"{said} {seed} {dialect}: {sql}\n    theirs {short(theirs)}\n    ours   {short(mine)}", flush=True)
    print(counts)


if __name__ == "__main__":
    main()
