-- The longest run of local days without a play, between two days with one; the earlier of two equals.
with days as (
    select distinct p.user_id, p.local_day
    from plays p
    join calendar c on c.local_day = p.local_day
    where p.ms >= 30000
), gaps as (
    select *, lag(local_day) over (partition by user_id order by local_day asc nulls last) as before
    from days
), spells as (
    select user_id, cast(local_day - before - 1 as bigint) as days, cast(before + 1 as bigint) as first_day
    from gaps
    where local_day - before > 1
), ranked as (
    select *, row_number() over (partition by user_id order by days desc nulls last, first_day asc nulls last) as place
    from spells
)
select user_id, days, first_day
from ranked
where place = 1
