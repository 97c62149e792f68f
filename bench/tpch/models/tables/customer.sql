select * from read_parquet('{{ var("data") }}/customer.parquet')
