-- Artists first heard this year: how many, their plays, and the most played of them. Heard before means a counted play before the year.
with bounds as (
    select min(local_day) as first_day, max(local_day) as last_day from calendar
), totals as (
    select
        p.user_id,
        p.artist,
        cast(count(case when p.local_day >= b.first_day then 1 end) as bigint) as plays,
        cast(coalesce(sum(case when p.local_day >= b.first_day then p.ms end), 0) as bigint) as ms,
        cast(count(case when p.local_day < b.first_day then 1 end) as bigint) as earlier
    from plays p
    cross join bounds b
    where p.ms >= 30000 and p.local_day <= b.last_day
    group by p.user_id, p.artist
), ranked as (
    select *, row_number() over (
        partition by user_id order by plays desc nulls last, ms desc nulls last, artist asc nulls last
    ) as place
    from totals
    where earlier = 0
)
select
    user_id,
    cast(count(*) as bigint) as artists,
    cast(sum(plays) as bigint) as plays,
    cast(max(case when place = 1 then artist end) as bigint) as top_artist,
    cast(max(case when place = 1 then plays end) as bigint) as top_plays
from ranked
group by user_id
