-- The five most played tracks: by plays, then milliseconds, then name (ids are given in the order of names).
with totals as (
    select p.user_id, p.track, cast(count(*) as bigint) as plays, cast(sum(p.ms) as bigint) as ms
    from plays p
    join calendar c on c.local_day = p.local_day
    where p.ms >= 30000
    group by p.user_id, p.track
), ranked as (
    select *, row_number() over (
        partition by user_id order by plays desc nulls last, ms desc nulls last, track asc nulls last
    ) as place
    from totals
)
select user_id, cast(place as bigint) as place, cast(track as bigint) as track, plays, ms
from ranked
where place <= 5
