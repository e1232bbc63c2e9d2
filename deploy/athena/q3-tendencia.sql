-- Q3: the sales of each tenant day by day between two days (both included), for each
-- currency.
WITH ultima AS (
  SELECT
    compra_id, user_id, tenant_id, resumen, metadata, year, month, day,
    ROW_NUMBER() OVER (
      PARTITION BY tenant_id, compra_id, metadata.event_source
      ORDER BY metadata.sequence DESC, metadata.event_id DESC
    ) AS n
  FROM compras_json
),
compras AS (
  SELECT
    tenant_id,
    CONCAT(year, '-', month, '-', day) AS dia,
    user_id,
    resumen.moneda AS moneda,
    CAST(resumen.total_cantidad AS DECIMAL(38, 6)) AS cantidad,
    CAST(resumen.total_precio AS DECIMAL(38, 4)) AS precio
  FROM ultima
  WHERE n = 1
    AND metadata.event_name <> 'REMOVE'
)
SELECT
  tenant_id,
  CAST(dia AS DATE) AS dia,
  moneda,
  COUNT(*) AS total_compras,
  COUNT(DISTINCT user_id) AS usuarios_unicos,
  SUM(cantidad) AS total_productos_vendidos,
  SUM(precio) AS ingresos,
  AVG(precio) AS ticket_promedio,
  MAX(precio) AS compra_maxima,
  MIN(precio) AS compra_minima
FROM compras
WHERE dia BETWEEN '${desde}' AND '${hasta}'
GROUP BY tenant_id, dia, moneda
ORDER BY tenant_id, dia DESC, moneda
