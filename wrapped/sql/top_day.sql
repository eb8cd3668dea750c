-- The most played day: by plays, then milliseconds, the earlier of two equals.
with totals as (
    select p.user_id, p.local_day, cast(count(*) as bigint) as plays, cast(sum(p.ms) as bigint) as ms
    from plays p
    join calendar c on c.local_day = p.local_day
    where p.ms >= 30000
    group by p.user_id, p.local_day
), ranked as (
    select *, row_number() over (
        partition by user_id order by plays desc nulls last, ms desc nulls last, local_day asc nulls last
    ) as place
    from totals
)
select user_id, cast(local_day as bigint) as local_day, plays, ms
from ranked
where place = 1
