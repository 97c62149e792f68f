create table t as select id::integer as id, k::text as k, n::integer as n, b::bigint as b, d::numeric(10,2) as d, f::double precision as f, s::text as s, day::date as day, ts::timestamp as ts, ok::boolean as ok from (values
 (1, 'a', 10, 10000000000, 1.25, 1.5, 'alpha', '2024-01-31', '2024-01-31 10:11:12.345678', true),
 (2, 'a', -3, -5, -2.50, -0.0, 'Beta', '2024-02-29', '2024-02-29 23:59:59', false),
 (3, 'b', 7, 7, 10.00, 1e10, '', '1969-12-31', '1969-12-31 23:59:59.999999', true),
 (4, 'b', 7, 7, 10.00, 2.5, 'naïve café', '2023-12-31', '2023-12-31 00:00:00', null),
 (5, 'b', null, null, null, null, null, null, null, null),
 (6, null, 0, 0, 0.00, 0.0, 'ΑΒΓ 漢字 🙂', '2000-01-01', '2000-01-01 12:00:00', false),
 (7, 'c', 2147483647, 9223372036854775807, 99999999.99, 3.5, '  padded  ', '9999-12-31', '9999-12-31 23:59:59', true),
 (8, 'c', -2147483648, -9223372036854775808, -99999999.99, -1.5, '100%_x', '0001-01-01', '0001-01-01 00:00:00', true)
) v(id, k, n, b, d, f, s, day, ts, ok);
create table fl as select id::integer as id, x::double precision as x from (values (1, 'NaN'), (2, 'Infinity'), (3, '-Infinity'), (4, '0'), (5, '-0'), (6, null), (7, '1.5'), (8, 'NaN')) v(id, x);
create table u as select id::integer as id, w::text as w, n::integer as n from (values (1, 'one', 1), (2, 'two', 2), (2, 'deux', null), (9, 'nine', 9), (null, 'none', 0)) v(id, w, n);
create table q as select sym::text as sym, at_::timestamp as "at", price::numeric(8,2) as price from (values ('x', '2024-01-01 09:00:00', 1.00), ('x', '2024-01-01 10:00:00', 2.00), ('y', '2024-01-01 09:30:00', 5.00)) v(sym, at_, price);
create table tr as select sym::text as sym, at_::timestamp as "at", qty::integer as qty from (values ('x', '2024-01-01 09:30:00', 10), ('x', '2024-01-01 10:00:00', 20), ('y', '2024-01-01 09:00:00', 30), ('z', '2024-01-01 12:00:00', 40)) v(sym, at_, qty);
create table ev as select id::integer as id, day::date as day, v::integer as v from (values (1, '2024-01-01', 1), (2, '2024-01-02', 2), (3, '2024-01-05', 3), (4, '2024-02-01', null), (5, '2024-03-31', 5)) v(id, day, v);
