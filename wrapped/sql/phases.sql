-- Phases: maximal runs of months with one top genre. A month without a known genre ends a phase.
with totals as (
    select p.user_id, c.month, p.genre, cast(count(*) as bigint) as plays, cast(sum(p.ms) as bigint) as ms
    from plays p
    join calendar c on c.local_day = p.local_day
    where p.ms >= 30000 and p.genre >= 0
    group by p.user_id, c.month, p.genre
), ranked as (
    select *, row_number() over (
        partition by user_id, month order by plays desc nulls last, ms desc nulls last, genre asc nulls last
    ) as place
    from totals
), islands as (
    select *, month - row_number() over (partition by user_id, genre order by month asc nulls last) as island
    from ranked
    where place = 1
)
select
    user_id,
    cast(genre as bigint) as genre,
    cast(min(month) as bigint) as first_month,
    cast(max(month) as bigint) as last_month
from islands
group by user_id, genre, island
