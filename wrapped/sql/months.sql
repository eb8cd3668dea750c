-- Plays and milliseconds of each month, and whether it is the top month: by plays, then milliseconds, the earlier of two equals.
with totals as (
    select p.user_id, c.month, cast(count(*) as bigint) as plays, cast(sum(p.ms) as bigint) as ms
    from plays p
    join calendar c on c.local_day = p.local_day
    where p.ms >= 30000
    group by p.user_id, c.month
), ranked as (
    select *, row_number() over (
        partition by user_id order by plays desc nulls last, ms desc nulls last, month asc nulls last
    ) as place
    from totals
)
select user_id, cast(month as bigint) as month, plays, ms, cast(case when place = 1 then 1 else 0 end as bigint) as top
from ranked
