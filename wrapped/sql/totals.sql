-- Totals of a user's year. A row belongs to the year by the listener's calendar at the start of the play; it counts from 30 s.
select
    p.user_id,
    cast(count(c.local_day) as bigint) as all_plays,
    cast(count(case when c.local_day is not null and p.ms >= 30000 then 1 end) as bigint) as plays,
    cast(coalesce(sum(case when c.local_day is not null and p.ms >= 30000 then p.ms end), 0) as bigint) as ms,
    cast(count(distinct case when c.local_day is not null and p.ms >= 30000 then p.artist end) as bigint) as artists,
    cast(count(distinct case when c.local_day is not null and p.ms >= 30000 then p.track end) as bigint) as tracks,
    cast(count(distinct case when c.local_day is not null and p.ms >= 30000 and p.genre >= 0 then p.genre end) as bigint) as genres,
    cast(coalesce(min(c.local_day), -1) as bigint) as first_day,
    cast(coalesce(max(c.local_day), -1) as bigint) as last_day,
    cast(min(p.local_day) as bigint) as history_day
from plays p
left join calendar c on c.local_day = p.local_day
group by p.user_id
