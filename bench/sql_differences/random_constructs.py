"""Random queries of DuckDB's constructs: casts, texts, moments, lists, structures, JSON, frames of windows, qualify, pivots,
grouping sets, subqueries in subqueries, and statements that change a table.

    python random_constructs.py [--from SEED] [--count N] [--kinds casts,texts,...]

A seed is one query. Needs what compare.py needs, but for PostgreSQL.
"""

import argparse

from compare import DuckDb, Ours, short, verdict
from random_queries import ODD, SQL_TYPE, TABLES, Query, setup

TEXTS = ["''", "'a'", "'é'", "'漢 z'", "'aXbXc'", "' a b '", "'naïve'", "'👍a'", "'a,b,,c'", "'%_'", "null", "'A-1'"]
PARTS = ["year", "quarter", "month", "week", "day", "hour", "minute", "second", "decade"]
UNITS = ["year", "month", "week", "day", "hour", "minute", "second"]
READABLE = [
    "'1'", "' 2 '", "'-3.7'", "'1e3'", "'abc'", "''", "'true'", "'T'", "'no'", "'off'", "'2024-02-29'", "'2023-02-29'", "'2024-1-5'", "'2024-02-29 10:11:12.5'",
    "'2024-02-29T10:11'", "'10:11:12'", "'25:00:00'", "'NaN'", "'inf'", "'99999999999'", "'1_000'", "'0x10'", "'.5'", "'5.'", "'+7'", "'--1'", "null", "'1.005'", "'2.5'", "'3.5'", "'-0'",
]
TARGETS = ["integer", "bigint", "smallint", "double", "real", "decimal(10,2)", "decimal(4,1)", "varchar", "date", "timestamp", "boolean", "time"]
JSONS = [
    """'{"a": 1, "b": "x"}'""", """'{"a": {"b": [1, null, "é"]}, "c": 1.50}'""", """'[1, 2, {"a": true}]'""", """'null'""", """'"x"'""", """'{"a": null}'""",
    """'{"a b": [], "d": "2024-01-01"}'""", """'12'""", """'{}'""", "null",
]
PATHS = ["'$.a'", "'$.b'", "'$.a.b'", "'$.a.b[0]'", "'$.a.b[2]'", "'$.c'", "'$[0]'", "'$[2].a'", "'$[-1]'", "'a'", "'$'", "'/a/b/1'", "'d'"]


class Constructs(Query):
    def pick(self, *made):
        return self.r.choice(made)()

    def any(self, scope, *types):
        return self.expr(self.r.choice(types), scope, 1)

    def rows(self):
        table = self.r.choice(list(TABLES))
        return table, [(c, t) for c, t in TABLES[table].items()]

    def asked(self, items, table, tail=""):
        named = ", ".join(f"{item} as c{at}" for at, item in enumerate(items))
        return f"select {named} from {table}{tail}"

    # --- one row at a time

    def casts(self):
        table, scope = self.rows()
        def one():
            cast, to = self.r.choice(["cast", "try_cast", "try_cast"]), self.r.choice(TARGETS)
            return self.pick(
                lambda: f"{cast}({self.r.choice(READABLE)} as {to})",
                lambda: f"{cast}({self.any(scope, *SQL_TYPE)} as {to})",
                lambda: f"{cast}({cast}({self.any(scope, 'dec', 'dbl', 'int', 'ts', 'date')} as varchar) as {to})",
                lambda: f"{cast}({self.r.choice(['1.5', '2.5', '-0.5', '0.05', '99.95', '1e10', '1e-7', '123456.789', '-2147483649', '32768'])} as {to})",
            )
        return self.asked([one() for _ in range(3)], table)

    def text_of(self, scope):
        return self.r.choice([self.r.choice(TEXTS), self.column("text", scope), self.column("text", scope)])

    def texts(self):
        table, scope = self.rows()
        s, n = lambda: self.text_of(scope), lambda: self.r.randint(-3, 4)
        def one():
            return self.pick(
                lambda: f"substr({s()}, {n()}, {n()})", lambda: f"substring({s()}, {n()})", lambda: f"left({s()}, {n()})", lambda: f"right({s()}, {n()})",
                lambda: f"lpad({s()}, {self.r.randint(0, 5)}, {self.r.choice(TEXTS[1:5])})", lambda: f"rpad({s()}, {self.r.randint(0, 5)}, {self.r.choice(TEXTS[1:5])})",
                lambda: f"strpos({s()}, {s()})", lambda: f"position({s()} in {s()})", lambda: f"instr({s()}, {s()})", lambda: f"replace({s()}, {s()}, {s()})",
                lambda: f"split_part({s()}, {self.r.choice(TEXTS)}, {n()})", lambda: f"string_split({s()}, {self.r.choice(TEXTS)})", lambda: f"reverse({s()})",
                lambda: f"translate({s()}, 'aéX', 'x漢')", lambda: f"trim({s()})", lambda: f"ltrim({s()}, 'aé ')", lambda: f"rtrim({s()}, 'cz')", lambda: f"trim({s()}, ' a')",
                lambda: f"upper({s()})", lambda: f"lower({s()})", lambda: f"length({s()})", lambda: f"strlen({s()})", lambda: f"ascii({s()})", lambda: f"unicode({s()})",
                lambda: f"concat({s()}, {s()}, {self.any(scope, 'int', 'dec', 'date')})", lambda: f"concat_ws({s()}, {s()}, {s()})", lambda: f"({s()} || {s()})", lambda: f"repeat({s()}, {self.r.randint(-1, 3)})",
                lambda: f"starts_with({s()}, {s()})", lambda: f"ends_with({s()}, {s()})", lambda: f"contains({s()}, {s()})", lambda: f"({s()} like {s()})", lambda: f"({s()} ilike {s()})", lambda: f"({s()} not like '%a%')",
                lambda: f"regexp_replace({s()}, '[aX]+', '<\\0>', 'g')", lambda: f"regexp_extract({s()}, '(.)(.)', {self.r.randint(0, 2)})", lambda: f"regexp_matches({s()}, '^.a?$')", lambda: f"regexp_extract_all({s()}, '[a-z]')",
                lambda: f"levenshtein({s()}, {s()})", lambda: f"md5({s()})", lambda: f"chr({self.r.choice([65, 233, 28450])})", lambda: f"({s()} < {s()})", lambda: f"greatest({s()}, {s()})", lambda: f"nullif({s()}, {s()})",
                lambda: f"{s()}[{n()}]", lambda: f"{s()}[{n()}:{n()}]", lambda: f"regexp_split_to_array({s()}, '[X,]')", lambda: f"strip_accents({s()})", lambda: f"bit_length({s()})", lambda: f"hex({s()})", lambda: f"array_to_string(string_split({s()}, 'X'), '-')",
            )
        return self.asked([one() for _ in range(3)], table)

    def moments(self):
        table, scope = self.rows()
        d = lambda: self.r.choice([self.column("date", scope), self.literal("date")])
        t = lambda: self.r.choice([self.column("ts", scope), self.literal("ts")])
        m = lambda: self.r.choice([d, t])()
        def one():
            unit, n = self.r.choice(UNITS), self.r.randint(-30, 30)
            return self.pick(
                lambda: f"({d()} + {n})", lambda: f"({d()} - {n})", lambda: f"({d()} - {d()})", lambda: f"({m()} + interval '{n} {unit}')", lambda: f"({m()} - interval {abs(n)} {unit})",
                lambda: f"date_diff('{self.r.choice(UNITS[:2] + UNITS[3:])}', {m()}, {m()})", lambda: f"datesub('{self.r.choice(UNITS)}', {m()}, {m()})", lambda: f"date_part('{self.r.choice(PARTS)}', {m()})",
                lambda: f"extract({self.r.choice(['dow', 'doy', 'isodow', 'isoyear', 'epoch', 'week', 'quarter', 'millisecond', 'microsecond', 'century'])} from {m()})", lambda: f"date_trunc('{self.r.choice(PARTS)}', {m()})",
                lambda: f"last_day({m()})", lambda: f"dayname({m()})", lambda: f"monthname({m()})", lambda: f"strftime({m()}, '{self.r.choice(['%Y-%m-%d %H:%M:%S', '%d/%m/%y', '%j %U %W', '%a %b %-d', '%I:%M %p', '%f %g', '%y%%'])}')",
                lambda: f"make_date(2024, {self.r.randint(1, 12)}, {self.r.randint(1, 28)})", lambda: f"(({t()} - {t()})::varchar)", lambda: f"epoch({m()})", lambda: f"epoch_ms({m()})", lambda: f"cast({m()} as varchar)",
                lambda: f"({m()} {self.r.choice(['<', '=', '>='])} {m()})", lambda: f"cast({m()} as date)", lambda: f"time_bucket(interval '{self.r.choice(['1 month', '3 days', '15 minutes', '1 year'])}', {m()})",
                lambda: f"({m()} between {m()} and {m()})", lambda: f"dayofweek({m()})", lambda: f"weekofyear({m()})", lambda: f"yearweek({m()})", lambda: f"(age({t()}, {t()})::varchar)", lambda: f"greatest({d()}, {d()})", lambda: f"cast({t()} as time)",
                lambda: f"strptime('{self.r.choice(['2024-02-29', '31/01/2024', 'x'])}', '{self.r.choice(['%Y-%m-%d', '%d/%m/%Y'])}')", lambda: f"try_strptime('{self.r.choice(['2024-02-29', '31/01/2024', 'x'])}', '{self.r.choice(['%Y-%m-%d', '%d/%m/%Y'])}')",
                lambda: f"({d()} + {t()}::time)", lambda: f"(date_trunc('{self.r.choice(PARTS[:5])}', {m()})::date)", lambda: f"({m()} = '{self.r.choice(['2024-02-29', '1969-12-31 00:00:00'])}')",
            )
        return self.asked([one() for _ in range(3)], table)

    def list_of(self, scope, t):
        items = [self.expr(t, scope, 0) for _ in range(self.r.randint(1, 4))]
        return self.r.choice([f"[{', '.join(items)}]", f"list_value({', '.join(items)})"])

    def lists(self):
        table, scope = self.rows()
        t = self.r.choice(["int", "text", "date", "dbl"])
        l, v, n = lambda: self.list_of(scope, t), lambda: self.expr(t, scope, 0), lambda: self.r.randint(-3, 4)
        number = t in ("int", "dbl")
        def one():
            made = [
                lambda: f"len({l()})", lambda: f"{l()}[{n()}]", lambda: f"{l()}[{n()}:{n()}]", lambda: f"list_contains({l()}, {v()})", lambda: f"list_position({l()}, {v()})", lambda: f"list_sort({l()})",
                lambda: f"list_sort({l()}, 'desc')", lambda: f"list_reverse_sort({l()})", lambda: f"list_sort(list_distinct({l()}))", lambda: f"list_unique({l()})", lambda: f"list_concat({l()}, {l()})", lambda: f"({l()} || {l()})",
                lambda: f"list_append({l()}, {v()})", lambda: f"list_prepend({v()}, {l()})", lambda: f"list_reverse({l()})", lambda: f"list_min({l()})", lambda: f"list_max({l()})", lambda: f"list_count({l()})",
                lambda: f"list_first({l()})", lambda: f"list_last({l()})", lambda: f"list_any_value({l()})", lambda: f"list_has_any({l()}, {l()})", lambda: f"list_has_all({l()}, {l()})", lambda: f"list_slice({l()}, {n()}, {n()})",
                lambda: f"list_filter({l()}, lambda x: x is not null)", lambda: f"list_transform({l()}, lambda x: x is null)", lambda: f"[x for x in {l()} if x <> {v()}]", lambda: f"({l()} = {l()})", lambda: f"({l()} < {l()})",
                lambda: f"({l()} is distinct from {l()})", lambda: f"({v()} = any({l()}))", lambda: f"array_to_string({l()}, '-')", lambda: f"cast({l()} as varchar)", lambda: f"flatten([{l()}, {l()}])",
                lambda: f"list_resize({l()}, {self.r.randint(0, 5)})", lambda: f"list_aggregate({l()}, '{self.r.choice(['min', 'max', 'count', 'first', 'last'])}')", lambda: f"list_where({l()}, [true, false, true])", lambda: f"list_transform({l()}, lambda x, i: i)",
                lambda: f"coalesce({l()}, {l()})", lambda: f"greatest({l()}, {l()})", lambda: f"case when {self.expr('bool', scope, 1)} then {l()} end", lambda: f"list_intersect({l()}, [{v()}])",
            ]
            if number:
                made += [lambda: f"list_sum({l()})", lambda: f"list_avg({l()})", lambda: f"list_product({l()})", lambda: f"list_transform({l()}, lambda x: x + 1)", lambda: f"list_filter({l()}, lambda x: x > 1)", lambda: f"list_reduce({l()}, lambda a, b: a + b)", lambda: f"[x * 2 for x in {l()}]"]
            return self.pick(*made)
        if self.chance(0.15):
            return f"select {self.column('int', scope)} as a, unnest({l()}) as b from {table}"
        if self.chance(0.15):
            self.is_ordered = True
            return f"select {l()} as a from {table} order by a{self.r.choice(['', ' desc', ' nulls first'])}"
        if self.chance(0.1):
            return f"select list({self.column(t, scope)} order by {self.column('int', scope)}, {self.column('text', scope)}, {self.column(t, scope)}) as a, list_sort(array_agg(distinct {self.column(t, scope)})) as b from {table} group by {self.column('text', scope)}"
        return self.asked([one() for _ in range(2)], table)

    def struct_of(self, scope):
        return f"{{'a': {self.expr('int', scope, 0)}, 'b': {self.expr('text', scope, 0)}}}"

    def structs(self):
        table, scope = self.rows()
        s = lambda: self.struct_of(scope)
        if self.chance(0.2):
            return f"select s.{self.r.choice(['a', 'b', '*'])} from (select {s()} as s from {table}) q"
        if self.chance(0.15):
            self.is_ordered = True
            return f"select {s()} as s from {table} order by s{self.r.choice(['', ' desc'])}"
        if self.chance(0.15):
            return f"select s, count(*) as n from (select {s()} as s from {table}) q group by s"
        def one():
            return self.pick(
                lambda: f"({s()}).{self.r.choice(['a', 'b'])}", lambda: f"({s()} = {s()})", lambda: f"({s()} < {s()})", lambda: f"struct_extract({s()}, 'a')", lambda: f"struct_pack(x := {self.any(scope, 'int', 'date')})", lambda: f"{s()}['a']",
                lambda: f"cast({s()} as varchar)", lambda: f"({s()} is distinct from {s()})", lambda: f"[{s()}, {s()}]", lambda: f"[{s()}][1].b", lambda: f"(({self.any(scope, 'int')}, {self.any(scope, 'int')}) < ({self.any(scope, 'int')}, {self.any(scope, 'int')}))",
                lambda: f"to_json({s()})", lambda: f"({s()} is null)", lambda: f"list_transform([{s()}], lambda x: x.a)", lambda: f"{{'k': {s()}}}.k.a", lambda: f"map {{'x': {self.any(scope, 'int')}}}['x']", lambda: f"map_keys(map {{'x': {self.any(scope, 'int')}}})", lambda: f"coalesce({s()}, {s()})",
            )
        return self.asked([one() for _ in range(2)], table)

    def jsons(self):
        table, scope = self.rows()
        j, p = lambda: f"({self.r.choice(JSONS)}::json)", lambda: self.r.choice(PATHS)
        def one():
            return self.pick(
                lambda: f"({j()} -> {p()})", lambda: f"({j()} ->> {p()})", lambda: f"json_extract({j()}, {p()})", lambda: f"json_extract_string({j()}, {p()})", lambda: f"json_type({j()})", lambda: f"json_type({j()}, {p()})",
                lambda: f"json_array_length({j()})", lambda: f"json_valid({self.r.choice(JSONS + ['$${x$$', '$$$$'])})", lambda: f"json_keys({j()})", lambda: f"json_exists({j()}, {p()})", lambda: f"json_value({j()}, {p()})",
                lambda: f"cast({j()} as varchar)", lambda: f"try_cast(({j()} ->> {p()}) as integer)", lambda: f"json_object('k', {self.any(scope, 'int', 'text', 'date', 'bool', 'dec')})", lambda: f"json_array({self.any(scope, 'int', 'text')}, {self.any(scope, 'dbl', 'date')})",
                lambda: f"to_json({self.any(scope, 'int', 'text', 'bool', 'ts', 'dec')})", lambda: f"to_json({self.list_of(scope, 'text')})", lambda: f"(({j()} ->> 'a') = '1')", lambda: f"({j()} -> 'a' -> 'b' ->> 0)", lambda: f"json_extract({j()}, ['$.a', '$.b'])",
                lambda: f"json_array_length({j()}, {p()})", lambda: f"json_structure({j()})", lambda: f"json_contains({j()}, '1')", lambda: f"json_merge_patch({j()}, {j()})",
            )
        return self.asked([one() for _ in range(2)], table)

    # --- many rows

    def total_order(self, scope, by=""):
        return "order by " + by + ", ".join(c for c, _ in scope)

    def frame(self, order_is_one_number):
        start = self.r.choice(["unbounded preceding", "2 preceding", "1 preceding", "current row", "1 following"])
        end = self.r.choice(["unbounded following", "2 following", "1 following", "current row", "1 preceding"])
        kind = self.r.choice(["rows", "groups", "range"] if order_is_one_number else ["rows", "groups"])
        exclude = self.r.choice(["", "", "", " exclude current row", " exclude ties", " exclude group", " exclude no others"])
        return f" {kind} between {start} and {end}{exclude}"

    def frames(self):
        table, scope = self.rows()
        def one():
            ints = [c for c, t in scope if t == "int"]
            by = f"partition by {self.column(self.r.choice(['text', 'bool']), scope)} " if self.chance(0.5) else ""
            t = self.r.choice(["int", "text", "date", "dec", "dbl"])
            of = self.column(t, scope)
            nulls = self.r.choice(["", "", " ignore nulls"])
            filter_ = f" filter (where {self.expr('bool', scope, 1)})" if self.chance(0.2) else ""
            distinct = self.r.choice(["", "", "", "distinct "])
            number = self.column(self.r.choice(["int", "dec"]), scope)
            call, of_values = self.some(
                ((f"first_value({of}{nulls})", True), 2), ((f"last_value({of}{nulls})", True), 2), ((f"nth_value({of}, 2{nulls})", True), 1), ((f"lag({of}, {self.r.randint(0, 3)}{nulls})", True), 2), ((f"lead({of}{nulls})", True), 1),
                ((f"lag({of}, 1, {self.literal(t)})", True), 1), ((f"sum({distinct}{number}){filter_}", False), 3), ((f"count({distinct}{of}){filter_}", False), 2), ((f"count(*){filter_}", False), 1), ((f"max({of}){filter_}", False), 2), ((f"avg({distinct}{number}){filter_}", False), 1),
                ((f"bool_or({self.column('bool', scope)})", False), 1), ((f"ntile({self.r.randint(1, 4)})", True), 1), (("percent_rank()", True), 1), (("cume_dist()", True), 1), (("row_number()", True), 1), ((f"string_agg({self.column('text', scope)}, ',')", True), 1),
                ((f"list({self.column('int', scope)})", True), 1), ((f"median({self.column('int', scope)}){filter_}", False), 1), ((f"arg_max({of}, {self.column('int', scope)})", True), 1), ((f"mode({self.column('text', scope)})", False), 0.3), ((f"stddev_pop({number})", False), 0.5), ((f"min({of}){filter_}", False), 1),
            )
            ranked = call.startswith(("ntile", "percent", "cume", "row_", "lag", "lead"))
            single = not of_values and bool(ints) and self.chance(0.5)
            order = f"order by {self.r.choice(ints)}" + self.r.choice(["", " desc"]) if single else self.total_order(scope)
            frame = "" if ranked or self.chance(0.3) else self.frame(single)
            return f"{call} over ({by}{order}{frame})"
        return self.asked([one() for _ in range(2)], table)

    def qualify(self):
        table, scope = self.rows()
        window = f"row_number() over (partition by {self.column('text', scope)} {self.total_order(scope)})"
        test = self.pick(lambda: f"{window} <= {self.r.randint(1, 3)}", lambda: f"{window} = 1 or {self.expr('bool', scope, 1)}", lambda: f"rn = 1", lambda: f"count(*) over (partition by {self.column('text', scope)}) > 1", lambda: f"lag({self.column('int', scope)}) over ({self.total_order(scope)}) is null")
        where = f" where {self.expr('bool', scope, 1)}" if self.chance(0.3) else ""
        return f"select {self.any(scope, 'int', 'text')} as xx, {window} as rn, * from {table}{where} qualify {test}"

    def pivots(self):
        table, scope = self.rows()
        key, value = self.column("text", scope), self.column("int", scope)
        rest = self.column("bool", scope) if table != "b" else "day"
        source = f"(select {key} as k, {value} as v, {rest} as g from {table})"
        call = self.r.choice(["sum(v)", "count(*)", "max(v)", "sum(v) as s, count(*) as c"])
        return self.pick(
            lambda: f"pivot {source} on k using {call}", lambda: f"pivot {source} on k in ('a', 'b') using {call} group by g", lambda: f"select * from {source} pivot ({call} for k in ('a', 'b'))",
            lambda: f"unpivot (select id, {self.any(scope, 'int')} as x, {self.any(scope, 'int')} as y from {table}) on x, y into name n value w" if table != "c" else f"unpivot (select k, n as x, n + 1 as y from c) on x, y",
            lambda: f"select * from (select {value} as x, {self.any(scope, 'int')} as y, {key} as k from {table}) unpivot {self.r.choice(['', 'include nulls '])}(w for n in (x, y))",
        )

    def sets(self):
        table, scope = self.rows()
        keys = [c for c, t in scope if t in ("text", "bool", "date", "int")]
        self.r.shuffle(keys)
        a, b = keys[:2]
        how = self.r.choice([f"rollup ({a}, {b})", f"cube ({a}, {b})", f"grouping sets (({a}), ({b}), ())", f"grouping sets (({a}, {b}), ({b}))", f"{a}, rollup ({b})", f"grouping sets (rollup ({a}), ({b}))"])
        calls = [self.aggregate(scope)[0] for _ in range(2)]
        having = self.r.choice(["", "", f" having count(*) > 1", f" having grouping({a}) = 0"])
        grouping = self.r.choice([f"grouping({a}) as ga, grouping({b}) as gb", f"grouping({a}, {b}) as g", f"grouping_id({b}, {a}) as g"])
        return f"select {a} as x, {b} as y, {grouping}, {calls[0]} as p, {calls[1]} as q from {table} group by {how}{having}"

    def nested(self):
        """Subqueries that ask for columns two levels up."""
        (outer, a), (middle, b), (inner, c) = [(lambda t: (t, [(f"{n}.{x}", y) for x, y in TABLES[t].items()]))(self.r.choice(list(TABLES))) for n in "opq"]
        t = self.r.choice(["int", "text"])
        pair = lambda s, o: f"{self.column(t, s)} {self.r.choice(['=', '=', '<', '<>', 'is not distinct from'])} {self.column(t, o)}"
        deepest = self.pick(
            lambda: f"exists (select 1 from {inner} q where {pair(c, a)} and {pair(c, b)})", lambda: f"{self.column('int', b)} > (select min({self.column('int', c)}) from {inner} q where {pair(c, a)})",
            lambda: f"{self.column(t, b)} in (select {self.column(t, c)} from {inner} q where {pair(c, a)})", lambda: f"not exists (select 1 from {inner} q where {pair(c, a)} or {pair(c, b)})", lambda: f"(select count(*) from {inner} q where {pair(c, a)} and {pair(c, b)}) > 1",
        )
        middle_where = self.r.choice([deepest, f"{pair(b, a)} and {deepest}"])
        return self.pick(
            lambda: f"select * from {outer} o where exists (select 1 from {middle} p where {middle_where})", lambda: f"select {self.column('int', a)} as i, (select count(*) from {middle} p where {middle_where}) as n from {outer} o",
            lambda: f"select {self.column(t, a)} as i, (select max({self.column(t, b)}) from {middle} p where {middle_where}) as n from {outer} o where {self.expr('bool', a, 1)}", lambda: f"select * from {outer} o where {self.column(t, a)} not in (select {self.column(t, b)} from {middle} p where {middle_where} and {self.column(t, b)} is not null)",
        )

    # --- statements

    def changes(self):
        """Statements, the last of which is a query."""
        target, scope = self.rows()
        other = self.r.choice([t for t in TABLES if t != target and any(c == "id" for c in TABLES[t])] or ["b"])
        made = f"z{self.r.randint(0, 10**9)}"
        s = [(f"{made}.{c}", t) for c, t in scope]
        o = [(f"o.{c}", t) for c, t in TABLES[other].items()]
        column, t = self.r.choice([(c, t) for c, t in scope if t in ("int", "text", "date", "bool", "dbl", "dec")])
        key = "id" if "id" in TABLES[target] else "k"
        ids = f"(select {key if key in TABLES[other] else 'k'} as j, {', '.join(f'max({c}) as {c}' for c, u in TABLES[other].items() if u in ('int', 'text', 'date') and c != key)} from {other} group by 1)"
        new = self.expr(t, s, 1)
        inserted = ", ".join(f"cast(o.j as {SQL_TYPE[u]})" if c == key else f"cast(null as {SQL_TYPE[u]})" for c, u in scope)
        change = self.pick(
            lambda: f"update {made} set {column} = {new} where {self.expr('bool', s, 1)}", lambda: f"delete from {made} where {self.expr('bool', s, 1)}", lambda: f"update {made} set {column} = {new} from {ids} o where o.j = {made}.{key}",
            lambda: f"delete from {made} using {other} o where {self.column('text', s)} = {self.column('text', o)}", lambda: f"merge into {made} using {ids} o on o.j = {made}.{key} when matched and {self.expr('bool', s, 1)} then update set {column} = {new} when matched then delete when not matched then insert values ({inserted})",
            lambda: f"merge into {made} using {ids} o on o.j = {made}.{key} when matched then do nothing when not matched then insert ({key}) values (o.j)", lambda: f"insert into {made} ({key}, {column if column != key else 'n' if 'n' in TABLES[target] else 'm'}) select {key}, null from {target} where {self.expr('bool', scope, 1)}",
            lambda: f"delete from {made} where {key} in (select {key if key in TABLES[other] else 'k'} from {other})", lambda: f"update {made} set {column} = (select max({column if column in TABLES[other] and TABLES[other][column] == t else 'null'}) from {other} o where o.k = {made}.k)", lambda: f"insert into {made} by name select {key}, 'new' as k from {other}" if key != "k" else f"insert into {made} by name select 'new' as k",
        )
        return [f"create table {made} as select * from {target}", change, f"select * from {made}", f"drop table {made}"]


KINDS = ["casts", "texts", "moments", "lists", "structs", "jsons", "frames", "qualify", "pivots", "sets", "nested", "changes"]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--from", type=int, default=0, dest="first")
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--kinds", default=",".join(KINDS))
    options = parser.parse_args()
    oracle, ours = DuckDb(), Ours("duckdb")
    for statement in setup():
        for engine in (oracle, ours):
            if engine.answer(statement)[0] != "ok":
                print("SETUP", statement)
    kinds, counts = options.kinds.split(","), {}
    for seed in range(options.first, options.first + options.count):
        query = Constructs(seed)
        kind = kinds[seed % len(kinds)]
        made = getattr(query, kind)()
        statements = [made] if isinstance(made, str) else made
        said = "same"
        for sql in statements:
            theirs = oracle.answer(sql)
            mine = ours.answer(sql) if theirs[0] == "ok" else theirs
            found = "refused" if theirs[0] == "error" else verdict(theirs, mine, query.is_ordered)
            if found not in ("same", "TYPE"):
                said = found
            if found not in ("same", "TYPE", "refused"):
                print(f"{found} {seed} {kind}: {'; '.join(statements)}\n    theirs {short(theirs)}\n    ours   {short(mine)}", flush=True)
                for rest in statements[statements.index(sql) + 1 :]:
                    oracle.answer(rest), ours.answer(rest)
                break
        counts.setdefault(kind, {}).setdefault(said, 0)
        counts[kind][said] += 1
    for kind, found in counts.items():
        print(kind, found)


if __name__ == "__main__":
    main()
