-- The listening clock: plays by weekday (0 is Monday) and hour of the listener's day.
select
    p.user_id,
    cast(c.weekday as bigint) as weekday,
    cast(p.local_hour as bigint) as hour,
    cast(count(*) as bigint) as plays
from plays p
join calendar c on c.local_day = p.local_day
where p.ms >= 30000
group by p.user_id, c.weekday, p.local_hour
