-- Where a user stands among all listeners of each of the five top artists: listeners, those ahead, and others exactly level.
with totals as (
    select p.user_id, p.artist, cast(count(*) as bigint) as plays, cast(sum(p.ms) as bigint) as ms
    from plays p
    join calendar c on c.local_day = p.local_day
    where p.ms >= 30000
    group by p.user_id, p.artist
), ranked as (
    select
        *,
        row_number() over (
            partition by user_id order by plays desc nulls last, ms desc nulls last, artist asc nulls last
        ) as place,
        count(*) over (partition by artist) as listeners,
        rank() over (partition by artist order by ms desc nulls last) - 1 as ahead,
        count(*) over (partition by artist, ms) - 1 as level
    from totals
)
select
    user_id,
    cast(place as bigint) as place,
    cast(listeners as bigint) as listeners,
    cast(ahead as bigint) as ahead,
    cast(level as bigint) as level
from ranked
where place <= 5
