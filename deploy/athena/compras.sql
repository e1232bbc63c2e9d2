-- The tables of the archive of purchases, for Athena. `scripts/catalog ddl` fills in bucket,
-- tenants and years; Athena itself fills in the columns of the location templates. Run one
-- statement at a time. docs/data-catalog.md explains it.

CREATE DATABASE IF NOT EXISTS compras;

-- One object a change.
CREATE EXTERNAL TABLE IF NOT EXISTS compras.compras_json (
  compra_id string,
  user_id string,
  fecha string,
  productos array<struct<codigo:string,nombre:string,precio_unitario:double,cantidad:double>>,
  resumen struct<total_productos:int,total_cantidad:double,total_precio:double,moneda:string>,
  metadata struct<event_name:string,event_source:string,aws_region:string,processed_at:string,processed_by:string,stage:string,version:bigint,sequence:string,event_id:string,event_time:string,removed_by:string>
)
PARTITIONED BY (tenant_id string, year string, month string, day string)
ROW FORMAT SERDE 'org.openx.data.jsonserde.JsonSerDe'
WITH SERDEPROPERTIES ('case.insensitive' = 'true')
LOCATION 's3://${bucket}/compras/'
TBLPROPERTIES (
  'projection.enabled' = 'true',
  'projection.tenant_id.type' = 'enum',
  'projection.tenant_id.values' = '${tenants}',
  'projection.year.type' = 'integer',
  'projection.year.range' = '${years}',
  'projection.year.digits' = '4',
  'projection.month.type' = 'integer',
  'projection.month.range' = '1,12',
  'projection.month.digits' = '2',
  'projection.day.type' = 'integer',
  'projection.day.range' = '1,31',
  'projection.day.digits' = '2',
  'storage.location.template' = 's3://${bucket}/compras/${tenant_id}/${year}/${month}/${day}/'
);

-- The same lines, put together by day: finished days only, and far fewer objects.
CREATE EXTERNAL TABLE IF NOT EXISTS compras.compras_dia (
  compra_id string,
  user_id string,
  fecha string,
  productos array<struct<codigo:string,nombre:string,precio_unitario:double,cantidad:double>>,
  resumen struct<total_productos:int,total_cantidad:double,total_precio:double,moneda:string>,
  metadata struct<event_name:string,event_source:string,aws_region:string,processed_at:string,processed_by:string,stage:string,version:bigint,sequence:string,event_id:string,event_time:string,removed_by:string>
)
PARTITIONED BY (tenant_id string, year string, month string, day string)
ROW FORMAT SERDE 'org.openx.data.jsonserde.JsonSerDe'
WITH SERDEPROPERTIES ('case.insensitive' = 'true')
LOCATION 's3://${bucket}/compras_dia/'
TBLPROPERTIES (
  'projection.enabled' = 'true',
  'projection.tenant_id.type' = 'enum',
  'projection.tenant_id.values' = '${tenants}',
  'projection.year.type' = 'integer',
  'projection.year.range' = '${years}',
  'projection.year.digits' = '4',
  'projection.month.type' = 'integer',
  'projection.month.range' = '1,12',
  'projection.month.digits' = '2',
  'projection.day.type' = 'integer',
  'projection.day.range' = '1,31',
  'projection.day.digits' = '2',
  'storage.location.template' = 's3://${bucket}/compras_dia/${tenant_id}/${year}/${month}/${day}/'
);
