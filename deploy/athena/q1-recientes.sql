-- Q1: the ten purchases of a tenant between two days (both included) that changed last.
-- Of each purchase its latest version counts, also if it moved to another day with that; the
-- filter of days therefore comes after it.
WITH ultima AS (
  SELECT
    compra_id, user_id, tenant_id, fecha, resumen, metadata, year, month, day,
    ROW_NUMBER() OVER (
      PARTITION BY tenant_id, compra_id, metadata.event_source
      ORDER BY metadata.sequence DESC, metadata.event_id DESC
    ) AS n
  FROM compras_json
  WHERE tenant_id = '${tenant}'
)
SELECT
  compra_id,
  user_id,
  tenant_id,
  fecha,
  resumen.total_productos AS total_productos,
  resumen.total_cantidad AS total_cantidad,
  resumen.total_precio AS total_precio,
  resumen.moneda AS moneda,
  metadata.event_name AS event_name,
  metadata.processed_at AS processed_at,
  metadata.stage AS stage
FROM ultima
WHERE n = 1
  AND metadata.event_name <> 'REMOVE'
  AND CONCAT(year, '-', month, '-', day) BETWEEN '${desde}' AND '${hasta}'
ORDER BY processed_at DESC, compra_id
LIMIT 10
