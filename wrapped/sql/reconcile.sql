-- What a run must come to, counted over the buckets: plays and milliseconds of the year, nothing else.
select
    cast(count(*) as bigint) as plays,
    cast(coalesce(sum(p.ms), 0) as bigint) as ms
from plays p
join calendar c on c.local_day = p.local_day
where p.ms >= 30000
