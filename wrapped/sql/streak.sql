-- The longest run of local days with a play, the earlier of two equals. Days minus their rank are constant along a run.
with days as (
    select distinct p.user_id, p.local_day
    from plays p
    join calendar c on c.local_day = p.local_day
    where p.ms >= 30000
), islands as (
    select *, local_day - row_number() over (partition by user_id order by local_day asc nulls last) as island
    from days
), runs as (
    select user_id, cast(count(*) as bigint) as days, cast(min(local_day) as bigint) as first_day
    from islands
    group by user_id, island
), ranked as (
    select *, row_number() over (partition by user_id order by days desc nulls last, first_day asc nulls last) as place
    from runs
)
select user_id, days, first_day
from ranked
where place = 1
